//! No text makes the parser or the evaluator of templates panic or overflow the stack.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_gotemplate::{Functions, OUTPUT_BYTES_MAX, Options, Template, Value};

fuzz_target!(|text: &str| {
    let functions = Functions::new();
    if let Ok(template) = Template::parse(text, &functions, &Options::named("fuzz")) {
        let data = Value::map([
            ("a", Value::from("text")),
            ("b", Value::list([Value::Int(1), Value::Float(2.5), Value::Nil])),
            ("c", Value::map([("d", Value::Bool(true))])),
        ]);
        let mut out = String::new();
        let _may_fail = template.execute(&data, &mut out);
        assert!(out.len() <= OUTPUT_BYTES_MAX);
        template.fields_used();
    }
});
