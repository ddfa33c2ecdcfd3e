//! What patterns match, refuse and capture.

use proptest::prelude::*;

use super::*;

#[test]
fn patterns_match_what_they_match_in_go() {
    // Pattern, a text that the anchored pattern matches, a text that it does not.
    let cases = [
        ("", "", "a"),
        ("a.b", "a\nb", "ab"),
        ("(?-s)a.b", "axb", "a\nb"),
        (r"\d+", "12", "١٢"),
        (r"\w+", "a_1", "é"),
        (r"\s", "\t", "\u{a0}"),
        (r"\S", "\u{a0}", " "),
        (r"[\d\-x]+", "1-x", "y"),
        (r"\bé", "never", "é"),
        (r"é\b!", "never", "é!"),
        (r"a\b!", "a!", "ab"),
        (r"a\Bb", "ab", "a"),
        (r"\pL+", "éa", "1"),
        (r"\p{Greek}", "α", "a"),
        (r"\p{^Greek}", "a", "α"),
        (r"\PN", "a", "1"),
        ("[[:alpha:]]+", "ab", "é"),
        ("[[:^digit:]x]", "é", "1"),
        ("[]a]+", "]a", "b"),
        ("[^]a]", "b", "]"),
        ("[a-]+", "a-", "b"),
        ("[a&&b]+", "&ab", "c"),
        ("[[a]]", "[]", "a"),
        ("[+--]", ",", "a"),
        (r"\Qa.b\E+", "a.bb", "axb"),
        (r"\Qa", "a", "b"),
        ("a{,2}", "a{,2}", "aa"),
        ("a{2", "a{2", "aa"),
        ("a{2,3}", "aaa", "a"),
        ("x{0}", "", "x"),
        ("(?i)straSSe", "STRASSE", "strase"),
        ("(?i)k", "\u{212a}", "j"),
        ("(?i:a)b", "Ab", "AB"),
        ("(?i)a(?-i)b", "Ab", "AB"),
        ("(?m)a$\n^b", "a\nb", "ab"),
        ("^a$", "a", "b"),
        (r"\Aa\z", "a", "b"),
        ("a|^b$", "b", "c"),
        (r"\x41\x{42}\103\n\0", "ABC\n\0", "ABC"),
        (r"\_\/\-\#", "_/-#", "_"),
        (r"(?P<x>a)(?<y>b)(?P<x>c)", "abc", "ab"),
        ("(?U)a+", "aaa", "b"),
        ("()|a", "a", "b"),
        ("a||b", "", "c"),
        ("(|a)*", "aa", "b"),
        ("^*a", "a", "b"),
        ("a(?i)*", "aa", "A"),
        ("🌍.*", "🌍!", "!🌍"),
        (" # a", " # a", "a"),
    ];
    for (pattern, yes, no) in cases {
        let compiled = Pattern::anchored(pattern).unwrap_or_else(|error| panic!("{error}"));
        if yes != "never" {
            assert!(compiled.is_match(yes), "{pattern} and {yes:?}");
            assert!(compiled.captures(yes).is_some(), "{pattern} and {yes:?}");
        }
        assert!(!compiled.is_match(no), "{pattern} and {no:?}");
        assert!(compiled.captures(no).is_none(), "{pattern} and {no:?}");
    }
    let part = Pattern::unanchored("b.").unwrap();
    assert!(part.is_match("abc") && !part.is_match("ab\n") && !part.is_match("b"));
    let part = Pattern::unanchored("b").unwrap();
    assert!(part.is_match("abc") && !part.is_match("ac"));
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    let cases = [
        ("*", "missing argument to repetition operator: `*`"),
        ("a|+?b", "missing argument to repetition operator: `+?`"),
        (r"\Q\E*", "missing argument to repetition operator: `*`"),
        ("({2})", "missing argument to repetition operator: `{2}`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a*?+?b", "invalid nested repetition operator: `*?+?`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("(abc", "missing closing ): `(abc`"),
        ("abc)", "unexpected ): `abc)`"),
        ("x[a-z", "missing closing ]: `[a-z`"),
        ("[]", "missing closing ]: `[]`"),
        ("[a--b]", "invalid character class range: `a--`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:word2:]]", "invalid character class range: `[:word2:]`"),
        (r"[a-\d]", r"invalid escape sequence: `\d`"),
        (r"abc\", "trailing backslash at end of expression: ``"),
        (r"\x", r"invalid escape sequence: `\x`"),
        (r"\xg1", r"invalid escape sequence: `\xg1`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        (r"\h", r"invalid escape sequence: `\h`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"\é", r"invalid escape sequence: `\é`"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        (r"\p{Alphabetic}", r"invalid character class range: `\p{Alphabetic}`"),
        (r"\pX", r"invalid character class range: `\pX`"),
        (r"\p{Greek", r"invalid character class range: `\p{Greek`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?<=a)b", "invalid named capture: `(?<=a)b`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?P<a b>x)", "invalid named capture: `(?P<a b>`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("a{1,99999999999}", "invalid repeat count: `{1,99999999999}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
    ];
    for (pattern, expect) in cases {
        let message = Pattern::anchored(pattern).unwrap_err().to_string();
        assert_eq!(message, format!("error parsing regexp: {expect}"), "{pattern}");
    }
}

#[test]
fn patterns_that_would_be_too_large_are_refused() {
    let deep = "(".repeat(GROUP_DEPTH_MAX + 1) + &")".repeat(GROUP_DEPTH_MAX + 1);
    assert!(Pattern::anchored(&deep).unwrap_err().to_string().contains("nests too deeply"));
    let deepest = format!("{}a*{}", "(|".repeat(GROUP_DEPTH_MAX), ")+".repeat(GROUP_DEPTH_MAX));
    assert!(Pattern::anchored(&deepest).unwrap().is_match("aaa"));
    assert!(Pattern::anchored(r"\pL{1000}").unwrap_err().to_string().contains("too large"));
}

#[test]
fn texts_that_match_are_listed_where_they_are_few() {
    let cases = [
        ("a", Some(vec!["a"])),
        ("b|a|b", Some(vec!["a", "b"])),
        ("^(a|b-c)$", Some(vec!["a", "b-c"])),
        ("a(b|c)d?", Some(vec!["ab", "abd", "ac", "acd"])),
        (r"a\.b[0-2]", Some(vec!["a.b0", "a.b1", "a.b2"])),
        ("a|", None),
        ("a.*", None),
        ("(?i)a", None),
        ("a|b+", None),
        ("[a-z][a-z]", None),
    ];
    for (pattern, expect) in cases {
        assert_eq!(Pattern::anchored(pattern).unwrap().literals(), expect, "{pattern}");
    }
    let many: Vec<String> = (0..5000).map(|n| format!("pod-{n:04}")).collect();
    let pattern = Pattern::anchored(&many.join("|")).unwrap();
    assert_eq!(pattern.literals().unwrap(), many);
    let grouped = Pattern::anchored(&format!("^x(?:{})$", many.join("|"))).unwrap();
    assert_eq!(grouped.literals().unwrap().len(), many.len());
    let long = format!("{}({})", "x".repeat(1000), many.join("|"));
    assert_eq!(Pattern::anchored(&long).unwrap().literals(), None);
    assert_eq!(Pattern::unanchored("a|b").unwrap().literals(), None);
}

#[test]
fn common_patterns_need_no_automaton() {
    let cases = [
        (".*", Shape::Anything),
        ("(.*)", Shape::Anything),
        ("^.+$", Shape::NotEmpty),
        ("a.b.*", Shape::Automaton),
        (r"a\.b.*", Shape::Prefix("a.b".to_owned(), 0)),
        ("ab.+", Shape::Prefix("ab".to_owned(), 1)),
        (".*ab", Shape::Suffix("ab".to_owned(), 0)),
        (".+?ab", Shape::Suffix("ab".to_owned(), 1)),
        (".*ab.*", Shape::Contains("ab".to_owned())),
        (".+ab.*", Shape::Automaton),
        ("(?-s).*", Shape::Automaton),
        ("(?i)ab.*", Shape::Automaton),
    ];
    for (pattern, expect) in cases {
        assert_eq!(Pattern::anchored(pattern).unwrap().shape, expect, "{pattern}");
    }
}

#[test]
fn templates_are_filled_in_as_go_does() {
    let pattern = Pattern::anchored("(?P<first>a+)(b)?(?P<last>c)").unwrap();
    let cases = [
        ("$1-$3", "aa-c"),
        ("${1}x$1x", "aax"),
        ("$first/${last}", "aa/c"),
        ("[$2]", "[]"),
        ("$0", "aac"),
        ("$4$none", ""),
        ("$$1", "$1"),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("${first", "${first"),
        ("${}", "${}"),
        ("$01", ""),
        ("${1}0", "aa0"),
    ];
    for (template, expect) in cases {
        let filled = pattern.replace_template("aac", template);
        assert_eq!(filled.as_deref(), Some(expect), "{template}");
    }
    assert_eq!(pattern.replace_template("b", "$1"), None);
    let twice = Pattern::anchored("(?P<x>a)|(?P<x>b)").unwrap();
    assert_eq!(twice.replace_template("b", "<$x>").as_deref(), Some("<b>"));
    let listed = Pattern::anchored("(a|b)c").unwrap();
    assert_eq!(listed.replace_template("bc", "$1").as_deref(), Some("b"));
}

#[test]
fn all_matches_are_counted_and_replaced_as_go_does() {
    let cases = [
        ("a*", "baac", "<$0>", 3, "<>b<aa>c<>", "<$0>b<$0>c<$0>"),
        ("(b)(?P<x>c)?", "abcb", "$x$1", 2, "acbb", "a$x$1$x$1"),
        ("z", "abc", "$0", 0, "abc", "abc"),
        ("", "né", "-", 3, "-n-é-", "-n-é-"),
        ("abc", "abcabc", "$$", 2, "$$", "$$$$"),
    ];
    for (pattern, text, replacement, count, filled, literal) in cases {
        let regex = Pattern::unanchored(pattern).unwrap();
        assert_eq!(regex.count(text), count, "{pattern}");
        assert_eq!(regex.replace_all(text, replacement), filled, "{pattern}");
        assert_eq!(regex.replace_all_literal(text, replacement), literal, "{pattern}");
    }
}

/// A pattern and a way to find out slowly what it matches.
#[derive(Debug, Clone)]
enum Simple {
    Char(char),
    Dot,
    Star(Box<Simple>),
    Either(Vec<Simple>),
    Sequence(Vec<Simple>),
}

impl Simple {
    fn text(&self) -> String {
        match self {
            Self::Char(c) => format!("\\x{{{:x}}}", u32::from(*c)),
            Self::Dot => ".".to_owned(),
            Self::Star(inner) => format!("(?:{})*", inner.text()),
            Self::Either(parts) => {
                format!("({})", parts.iter().map(Self::text).collect::<Vec<_>>().join("|"))
            }
            Self::Sequence(parts) => parts.iter().map(Self::text).collect(),
        }
    }

    /// Where a match that starts at `from` may end.
    fn ends(&self, text: &[char], from: usize) -> Vec<usize> {
        let mut ends = match self {
            Self::Char(c) => (text.get(from) == Some(c)).then_some(from + 1).into_iter().collect(),
            Self::Dot => (from < text.len()).then_some(from + 1).into_iter().collect(),
            Self::Star(inner) => {
                let mut ends = vec![from];
                let mut next = 0;
                while let Some(at) = ends.get(next).copied() {
                    next += 1;
                    for end in inner.ends(text, at) {
                        if !ends.contains(&end) {
                            ends.push(end);
                        }
                    }
                }
                ends
            }
            Self::Either(parts) => parts.iter().flat_map(|part| part.ends(text, from)).collect(),
            Self::Sequence(parts) => parts.iter().fold(vec![from], |starts, part| {
                let mut ends: Vec<_> =
                    starts.into_iter().flat_map(|start| part.ends(text, start)).collect();
                ends.sort_unstable();
                ends.dedup();
                ends
            }),
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

fn simple() -> impl Strategy<Value = Simple> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!['a', 'b', '.', '\n', 'é']).prop_map(Simple::Char),
        1 => Just(Simple::Dot),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Simple::Star(Box::new(inner))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Simple::Either),
            prop::collection::vec(inner, 0..5).prop_map(Simple::Sequence),
        ]
    })
}

proptest! {
    #[test]
    fn patterns_agree_with_trying_every_way(pattern in simple(), text in "[ab.\né]{0,6}") {
        let compiled = Pattern::anchored(&pattern.text()).unwrap();
        let chars: Vec<char> = text.chars().collect();
        let expect = pattern.ends(&chars, 0).contains(&chars.len());
        prop_assert_eq!(compiled.is_match(&text), expect, "{}", pattern.text());
        prop_assert_eq!(compiled.captures(&text).is_some(), expect);
        if let Some(literals) = compiled.literals() {
            prop_assert_eq!(literals.contains(&text.as_str()), expect);
        }
    }

    #[test]
    fn quoted_texts_match_themselves(text in "\\PC{0,8}", other in "\\PC{0,8}") {
        let quoted: Vec<String> = text.chars().map(|c| Simple::Char(c).text()).collect();
        let quoted = quoted.concat();
        let compiled = Pattern::anchored(&quoted).unwrap();
        prop_assert!(compiled.is_match(&text));
        prop_assert_eq!(compiled.is_match(&other), text == other);
        let around = Pattern::anchored(&format!(".*{quoted}.*")).unwrap();
        prop_assert_eq!(around.is_match(&other), other.contains(&text));
        let inside = [other.as_str(), &text, "\n", &other].concat();
        prop_assert!(around.is_match(&inside));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[a-z0-9(){}\\[\\]\\\\?*+|^$.:<>P,iQEx-]{0,24}") {
        if let Ok(pattern) = Pattern::anchored(&text) {
            let matches = pattern.is_match(&text);
            prop_assert_eq!(pattern.captures(&text).is_some(), matches, "{}", text);
            pattern.replace_template(&text, &text);
        }
        let _may_fail = Pattern::unanchored(&text);
    }

    #[test]
    fn no_arbitrary_text_breaks_the_parser(text in "\\PC*") {
        let _may_fail = Pattern::anchored(&text);
    }
}
