//! Templates that name captured groups, as Go's `Regexp.Expand` fills them in.

/// The template with the names of groups replaced by what they captured; `captures` begins with the
/// whole match, `names` with the first group. A name that no group has stands for nothing.
pub(super) fn expand(template: &str, captures: &[Option<&str>], names: &[String]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        rest = behind;
        if let Some(behind) = rest.strip_prefix('$') {
            out.push('$');
            rest = behind;
        } else if let Some((name, behind)) = reference(rest) {
            rest = behind;
            out.push_str(captured(name, captures, names).unwrap_or_default());
        } else {
            out.push('$');
        }
    }
    out + rest
}

/// The longest name at the start of the text, in braces or not, and what is behind it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let name_on = braced.unwrap_or(text);
    let end = name_on.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(name_on.len());
    let (name, rest) = name_on.split_at(end);
    if name.is_empty() {
        return None;
    }
    let rest = if braced.is_some() { rest.strip_prefix('}')? } else { rest };
    Some((name, rest))
}

fn captured<'t>(name: &str, captures: &[Option<&'t str>], names: &[String]) -> Option<&'t str> {
    let is_number =
        name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number && let Ok(index) = name.parse::<usize>() {
        return *captures.get(index)?;
    }
    // Of several groups with the name the first that took part.
    let mut groups = names.iter().zip(captures.iter().skip(1));
    groups.find_map(|(known, group)| if known == name { *group } else { None })
}
