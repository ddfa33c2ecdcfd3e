//! The table of functions that LogQL adds to those of Go's templates.

use std::sync::LazyLock;

use watchkeep_gotemplate::escape::{url_query, url_query_unescape};
use watchkeep_gotemplate::{Function, Functions, Type, Value};

use super::time::{TIME, Time};
use super::{base64, cast, json, layout, numbers, regexes, text, time, units};

/// The functions of templates.
pub(super) fn functions() -> &'static Functions {
    static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
        let mut functions = Functions::new();
        add_record(&mut functions);
        add_texts(&mut functions);
        add_conversions(&mut functions);
        add_numbers(&mut functions);
        add_times(&mut functions);
        functions
    });
    &FUNCTIONS
}

const STRING: Type = Type::String;

/// The text of an argument whose type has been checked.
fn str_at(args: &[Value], index: usize) -> &str {
    args.get(index).and_then(Value::as_str).unwrap_or_default()
}

/// The integer of an argument whose type has been checked.
fn int_at(args: &[Value], index: usize) -> i64 {
    args.get(index).and_then(Value::as_int).unwrap_or_default()
}

/// Functions that the record answers.
fn add_record(functions: &mut Functions) {
    functions.add("__line__", Function::of_data([]));
    functions.add("__timestamp__", Function::of_data([]));
    functions.add("now", Function::of_data([]));
    functions.add("date", Function::of_data([STRING, Type::Any]));
}

/// Functions of one or two texts, and those that cut and pad.
fn add_texts(functions: &mut Functions) {
    let one = |apply: fn(&str) -> String| {
        Function::new([STRING], move |args| Ok(Value::from(apply(str_at(args, 0)))))
    };
    let two = |apply: for<'t> fn(&'t str, &'t str) -> &'t str| {
        Function::new([STRING, STRING], move |args| {
            Ok(Value::from(apply(str_at(args, 0), str_at(args, 1))))
        })
    };
    let test = |holds: fn(&str, &str) -> bool| {
        Function::new([STRING, STRING], move |args| {
            Ok(Value::Bool(holds(str_at(args, 0), str_at(args, 1))))
        })
    };
    let counted = |apply: fn(i64, &str) -> Result<String, String>| {
        Function::new([Type::Int, STRING], move |args| {
            apply(int_at(args, 0), str_at(args, 1)).map(Value::from)
        })
    };
    functions.add("ToLower", one(text::lower));
    functions.add("lower", one(text::lower));
    functions.add("ToUpper", one(text::upper));
    functions.add("upper", one(text::upper));
    functions.add("title", one(text::title));
    functions.add("TrimSpace", one(|text| text.trim().to_owned()));
    functions.add("trim", one(|text| text.trim().to_owned()));
    // The old functions take the text first, the new ones last.
    functions.add("Trim", two(|text, set| text.trim_matches(|c| set.contains(c))));
    functions.add("TrimLeft", two(|text, set| text.trim_start_matches(|c| set.contains(c))));
    functions.add("TrimRight", two(|text, set| text.trim_end_matches(|c| set.contains(c))));
    functions.add("TrimPrefix", two(|text, part| text.strip_prefix(part).unwrap_or(text)));
    functions.add("TrimSuffix", two(|text, part| text.strip_suffix(part).unwrap_or(text)));
    functions.add("trimAll", two(|set, text| text.trim_matches(|c| set.contains(c))));
    functions.add("trimPrefix", two(|part, text| text.strip_prefix(part).unwrap_or(text)));
    functions.add("trimSuffix", two(|part, text| text.strip_suffix(part).unwrap_or(text)));
    functions.add("contains", test(|part, text| text.contains(part)));
    functions.add("hasPrefix", test(|part, text| text.starts_with(part)));
    functions.add("hasSuffix", test(|part, text| text.ends_with(part)));
    functions.add("trunc", counted(|count, text| Ok(text::trunc(count, text))));
    functions.add("alignLeft", counted(text::align_left));
    functions.add("alignRight", counted(text::align_right));
    functions.add("repeat", counted(text::repeat));
    functions.add("indent", counted(text::indent));
    functions.add("nindent", counted(|n, text| Ok(format!("\n{}", text::indent(n, text)?))));
    functions.add(
        "substr",
        Function::new([Type::Int, Type::Int, STRING], |args| {
            text::substr(int_at(args, 0), int_at(args, 1), str_at(args, 2)).map(Value::from)
        }),
    );
    functions.add(
        "replace",
        Function::new([STRING, STRING, STRING], |args| {
            text::replace(str_at(args, 2), str_at(args, 0), str_at(args, 1), -1).map(Value::from)
        }),
    );
    functions.add(
        "Replace",
        Function::new([STRING, STRING, STRING, Type::Int], |args| {
            text::replace(str_at(args, 0), str_at(args, 1), str_at(args, 2), int_at(args, 3))
                .map(Value::from)
        }),
    );
    functions.add(
        "default",
        Function::new([Type::Any], |args| Ok(text::default(args).clone())).with_rest(Type::Any),
    );
}

/// Encodings, units and regular expressions.
fn add_conversions(functions: &mut Functions) {
    let one = |apply: fn(&str) -> Result<Value, String>| {
        Function::new([STRING], move |args| apply(str_at(args, 0)))
    };
    functions.add("urlencode", one(|text| Ok(Value::from(url_query(text)))));
    functions.add("urldecode", one(|text| url_query_unescape(text).map(Value::from)));
    functions.add("b64enc", one(|text| Ok(Value::from(base64::encode(text)))));
    functions.add("b64dec", one(|text| Ok(Value::from(base64::decode(text)))));
    functions.add("bytes", one(|text| units::bytes(text).map(Value::Float)));
    functions.add("duration", one(|text| units::seconds(text).map(Value::Float)));
    functions.add("duration_seconds", one(|text| units::seconds(text).map(Value::Float)));
    functions.add("fromJson", one(|text| Ok(json::decode(text))));
    let replace = |literal: bool| {
        Function::new([STRING, STRING, STRING], move |args| {
            regexes::replace_all(str_at(args, 0), str_at(args, 1), str_at(args, 2), literal)
                .map(Value::from)
        })
    };
    functions.add("regexReplaceAll", replace(false));
    functions.add("regexReplaceAllLiteral", replace(true));
    functions.add(
        "count",
        Function::new([STRING, STRING], |args| {
            regexes::count(str_at(args, 0), str_at(args, 1)).map(Value::Int)
        }),
    );
}

fn add_numbers(functions: &mut Functions) {
    let fold = |apply: fn(i64, i64) -> i64| {
        Function::new([Type::Any], move |args| {
            let mut numbers = args.iter().map(cast::to_int);
            let first = numbers.next().unwrap_or(0);
            Ok(Value::Int64(numbers.fold(first, apply)))
        })
        .with_rest(Type::Any)
    };
    let pair = |apply: fn(i64, i64) -> Result<i64, String>| {
        Function::new([Type::Any, Type::Any], move |args| {
            apply(cast::to_int(&args[0]), cast::to_int(&args[1])).map(Value::Int64)
        })
    };
    let fold_float = |apply: fn(f64, f64) -> f64| {
        Function::new([Type::Any], move |args| {
            let mut numbers = args.iter().map(cast::to_float);
            let first = numbers.next().unwrap_or(0.0);
            Ok(Value::Float(numbers.fold(first, apply)))
        })
        .with_rest(Type::Any)
    };
    let decimal = |operation: numbers::Operation| {
        Function::new([Type::Any], move |args| numbers::decimal(operation, args).map(Value::Float))
            .with_rest(Type::Any)
    };
    let float = |apply: fn(f64) -> f64| {
        Function::new([Type::Any], move |args| Ok(Value::Float(apply(cast::to_float(&args[0])))))
    };
    functions.add("int", Function::new([Type::Any], |a| Ok(Value::Int(cast::to_int(&a[0])))));
    functions.add("float64", float(|number| number));
    functions.add(
        "add",
        Function::new([], |args| {
            let sum = args.iter().map(cast::to_int).fold(0, i64::wrapping_add);
            Ok(Value::Int64(sum))
        })
        .with_rest(Type::Any),
    );
    functions.add("sub", pair(|a, b| Ok(a.wrapping_sub(b))));
    functions.add("div", pair(numbers::divide));
    functions.add("mod", pair(numbers::remainder));
    functions.add("mul", fold(i64::wrapping_mul));
    functions.add("max", fold(i64::max));
    functions.add("min", fold(i64::min));
    functions.add("maxf", fold_float(numbers::maximum));
    functions.add("minf", fold_float(numbers::minimum));
    functions.add(
        "addf",
        Function::new([], |args| numbers::sum(args).map(Value::Float)).with_rest(Type::Any),
    );
    functions.add("subf", decimal(numbers::Operation::Subtract));
    functions.add("mulf", decimal(numbers::Operation::Multiply));
    functions.add("divf", decimal(numbers::Operation::Divide));
    functions.add("ceil", float(f64::ceil));
    functions.add("floor", float(f64::floor));
    functions.add(
        "round",
        Function::new([Type::Any, Type::Int], |args| {
            let round_on = match args.get(2) {
                Some(Value::Float(round_on)) => *round_on,
                _ => 0.5,
            };
            let number = cast::to_float(&args[0]);
            Ok(Value::Float(numbers::round(number, int_at(args, 1), round_on)))
        })
        .with_rest(Type::Float),
    );
}

fn add_times(functions: &mut Functions) {
    let epoch = |count: fn(&Time) -> i64| {
        Function::new([Type::Object(TIME)], move |args| {
            let count = Time::of(&args[0]).map_or(0, count);
            Ok(Value::from(count.to_string()))
        })
    };
    functions.add("unixEpoch", epoch(Time::unix_seconds));
    functions.add("unixEpochMillis", epoch(Time::unix_millis));
    functions.add("unixEpochNanos", epoch(Time::unix_nanos));
    functions.add(
        "unixToTime",
        Function::new([STRING], |args| units::unix_to_time(str_at(args, 0)).map(Time::into_value)),
    );
    functions.add(
        "toDate",
        Function::new([STRING, STRING], |args| {
            let time = layout::parse(str_at(args, 0), str_at(args, 1), &time::local_zone());
            Ok(time.unwrap_or_else(Time::zero).into_value())
        }),
    );
    functions.add(
        "toDateInZone",
        Function::new([STRING, STRING, STRING], |args| {
            let zone = time::zone(str_at(args, 1));
            let time = layout::parse(str_at(args, 0), str_at(args, 2), &zone);
            Ok(time.unwrap_or_else(Time::zero).into_value())
        }),
    );
}
