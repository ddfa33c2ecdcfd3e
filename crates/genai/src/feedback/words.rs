//! Comments as words: lower case, without the words that every comment has, plurals as singulars.

/// Words of one comment that are looked at.
const WORDS_MAX: usize = 200;
/// Characters of a word that are kept.
const WORD_CHARS_MAX: usize = 40;

/// Words without a subject, sorted: English, German, French, Spanish, Portuguese, Italian and Dutch.
/// Words of negation and of degree are among them, since comments that are compared are all
/// complaints.
#[rustfmt::skip]
const STOP_WORDS: &[&str] = &[
    "a", "aber", "about", "above", "after", "again", "against", "al", "all", "alla", "alle",
    "also", "although", "always", "am", "an", "and", "any", "ao", "aos", "are", "as", "at", "au",
    "auch", "auf", "aus", "aux", "avec", "be", "because", "been", "before", "bei", "being",
    "below", "ben", "between", "bin", "bist", "bit", "both", "but", "by", "came", "can", "cannot",
    "cant", "ce", "ces", "cet", "cette", "che", "come", "como", "completely", "con", "could",
    "couldnt", "da", "dal", "dalla", "dans", "das", "dass", "dat", "de", "degli", "dei", "del",
    "della", "delle", "dem", "den", "der", "des", "det", "di", "did", "didnt", "die", "dies",
    "diese", "dieser", "dit", "do", "does", "doesnt", "doing", "dois", "done", "dont", "dos", "du",
    "durch", "during", "e", "each", "een", "ein", "eine", "einem", "einen", "einer", "el", "ela",
    "ele", "ella", "elle", "else", "em", "en", "entre", "er", "era", "es", "essa", "esse", "est",
    "esta", "este", "esto", "et", "even", "ever", "every", "few", "foi", "for", "from", "fue",
    "für", "gave", "get", "gets", "getting", "give", "given", "gives", "go", "got", "ha", "had",
    "hadnt", "has", "hasnt", "hat", "hatte", "have", "havent", "having", "he", "her", "here",
    "hers", "het", "hij", "him", "his", "how", "i", "ich", "if", "ihm", "ihn", "ihr", "ik", "il",
    "ils", "im", "in", "into", "is", "isnt", "ist", "it", "its", "itself", "ja", "je", "just",
    "kein", "keine", "kept", "la", "las", "le", "les", "let", "like", "lo", "los", "lot", "lui",
    "ma", "made", "mais", "make", "makes", "man", "many", "mas", "may", "me", "mein", "met", "mi",
    "mich", "might", "mir", "mit", "mon", "more", "most", "much", "muito", "must", "muy", "my",
    "na", "nach", "nao", "ne", "nei", "nem", "never", "nicht", "niet", "no", "nor", "nos", "not",
    "nothing", "notre", "nous", "now", "não", "o", "of", "off", "often", "on", "once", "one",
    "only", "op", "or", "os", "ou", "our", "out", "over", "own", "par", "para", "pas", "per",
    "plus", "por", "pour", "put", "qu", "que", "qui", "quite", "really", "s", "sa", "said", "same",
    "say", "says", "se", "sein", "ses", "seu", "she", "should", "shouldnt", "si", "sich", "sie",
    "sin", "sind", "so", "some", "something", "son", "sont", "still", "su", "sua", "such", "sur",
    "sus", "t", "take", "te", "than", "that", "thats", "the", "their", "them", "then", "there",
    "these", "they", "thing", "things", "this", "those", "though", "through", "to", "told", "too",
    "très", "tu", "u", "um", "uma", "un", "una", "und", "under", "une", "uno", "until", "up", "us",
    "use", "used", "van", "very", "vom", "von", "voor", "vor", "vous", "wanted", "war", "was",
    "wasnt", "we", "well", "went", "wer", "were", "werent", "what", "when", "where", "which",
    "while", "who", "whom", "why", "wie", "will", "wir", "wird", "with", "without", "wont",
    "would", "wouldnt", "y", "yet", "you", "your", "yours", "zijn", "zo", "zu", "zum", "zur", "à",
    "é", "über",
];

/// Whether a word is left out.
fn is_stop(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Whether a letter belongs to a script that puts no blanks between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// The words of a comment in their order, at most 200. Of scripts without blanks each pair of
/// neighbouring characters is a word.
pub fn words(comment: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut chars = 0;
    let mut unspaced: Option<char> = None;
    for c in comment.chars() {
        if out.len() >= WORDS_MAX {
            return out;
        }
        if is_unspaced(c) {
            finish(&mut word, &mut chars, &mut out);
            if let Some(before) = unspaced {
                out.push([before, c].iter().collect());
            }
            unspaced = Some(c);
            continue;
        }
        unspaced = None;
        // An apostrophe joins: `doesn't` is one word, written `doesnt`.
        if matches!(c, '\'' | '’') {
            continue;
        }
        if c.is_alphanumeric() {
            if chars < WORD_CHARS_MAX {
                word.extend(c.to_lowercase());
                chars += 1;
            }
        } else {
            finish(&mut word, &mut chars, &mut out);
        }
    }
    finish(&mut word, &mut chars, &mut out);
    out
}

fn finish(word: &mut String, chars: &mut usize, out: &mut Vec<String>) {
    if !word.is_empty() && !is_stop(word) {
        let singular = singular(word);
        // A single letter or digit has no subject.
        if singular.chars().nth(1).is_some() && !is_stop(singular) {
            out.push(singular.to_owned());
        }
    }
    word.clear();
    *chars = 0;
}

/// A plural of English without its `s`. `prices` and `price` are one word, `class` and `status` stay.
fn singular(word: &str) -> &str {
    let keeps = word.len() < 4 || ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    if keeps { word } else { word.strip_suffix('s').unwrap_or(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted_so_that_they_are_found() {
        assert!(STOP_WORDS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn comments_become_words_with_a_subject() {
        let cases: &[(&str, &[&str])] = &[
            ("The prices were wrong!", &["price", "wrong"]),
            ("It doesn't know ITS status", &["know", "status"]),
            ("Die Antwort war viel zu langsam", &["antwort", "viel", "langsam"]),
            ("la réponse est très lente", &["réponse", "lente"]),
            ("回答太慢", &["回答", "答太", "太慢"]),
            ("a b 7 x", &[]),
            ("", &[]),
        ];
        for (comment, expected) in cases {
            assert_eq!(words(comment), *expected, "{comment:?}");
        }
    }

    #[test]
    fn a_comment_without_end_gives_a_bounded_number_of_short_words() {
        let found = words(&"lorem ".repeat(10_000));
        assert_eq!(found.len(), WORDS_MAX);
        assert_eq!(words(&"x".repeat(10_000)), ["x".repeat(WORD_CHARS_MAX)]);
    }
}
