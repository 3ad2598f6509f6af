use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle};
use secrecy::zeroize::Zeroize as _;

/// Where a scalar stands, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Columns before its key, where it is a block of lines below it.
    pub(super) block: Option<usize>,
    /// Whether its value ends with a line feed.
    pub(super) ends_with_line_feed: bool,
    /// Whether there is nothing in it, or null.
    pub(super) is_blank: bool,
}

/// A collection that is open at this point.
enum Open {
    /// With the key whose value comes next; `None` where a key comes next.
    Mapping(Option<Key>),
    Sequence,
}

struct Key {
    text: String,
    column: usize,
    /// Where it ends, in bytes.
    end: usize,
}

/// The scalars whose path `wanted` knows, with what it says of them.
pub(super) fn scalars(yaml: &str, wanted: impl Fn(&str) -> Option<usize>) -> Result<Vec<(usize, Scalar)>, String> {
    let offsets: Vec<usize> = yaml.char_indices().map(|(at, _)| at).chain([yaml.len()]).collect();
    let byte = |index: usize| offsets.get(index).copied().unwrap_or(yaml.len());
    let mut open: Vec<Open> = Vec::new();
    let mut found = Vec::new();
    for event in Parser::new_from_str(yaml) {
        // The error's text names a place and what was expected there, never what stands there.
        let (event, span) = event.map_err(|error| format!("they are not YAML ({error})"))?;
        let awaits_key = matches!(open.last(), Some(Open::Mapping(None)));
        match event {
            Event::Scalar(text, ..) if awaits_key => {
                open.pop();
                let key = Key { text: text.into_owned(), column: span.start.col(), end: byte(span.end.index()) };
                open.push(Open::Mapping(Some(key)));
            }
            Event::MappingStart(..) | Event::SequenceStart(..) | Event::Alias(_) if awaits_key => {
                return Err("a key in them is no text".to_owned());
            }
            Event::MappingStart(..) => open.push(Open::Mapping(None)),
            Event::SequenceStart(..) => open.push(Open::Sequence),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                finish_value(&mut open);
            }
            Event::Alias(_) => finish_value(&mut open),
            Event::Scalar(mut text, style, ..) => {
                if let Some((which, key)) = path(&open).and_then(|(path, key)| Some((wanted(&path)?, key))) {
                    let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                    let (start, end) = if is_block {
                        block(yaml, key)
                    } else {
                        let start = byte(span.start.index());
                        (start, quoted_end(yaml, start).unwrap_or_else(|| byte(span.end.index())))
                    };
                    let scalar = Scalar {
                        start,
                        end,
                        block: is_block.then_some(key.column),
                        ends_with_line_feed: text.ends_with('\n'),
                        is_blank: text.trim().is_empty()
                            || (style == ScalarStyle::Plain && matches!(&*text, "~" | "null" | "Null" | "NULL")),
                    };
                    found.push((which, scalar));
                }
                if let Cow::Owned(text) = &mut text {
                    text.zeroize();
                }
                finish_value(&mut open);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn finish_value(open: &mut [Open]) {
    if let Some(Open::Mapping(key)) = open.last_mut() {
        *key = None;
    }
}

/// The keys that lead here, and the last of them.
fn path(open: &[Open]) -> Option<(String, &Key)> {
    let mut path = String::new();
    let mut last = None;
    for one in open {
        let Open::Mapping(Some(key)) = one else { return None };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&key.text);
        last = Some(key);
    }
    last.map(|key| (path, key))
}

/// A block begins with its `|` or `>` (the parser says where its first line begins) and ends before the first line that
/// is not blank and not indented more than its key.
fn block(yaml: &str, key: &Key) -> (usize, usize) {
    let start = yaml[key.end..].find(['|', '>']).map_or(key.end, |at| key.end + at);
    let Some(first) = yaml[start..].find('\n') else { return (start, yaml.len()) };
    let mut end = start + first + 1;
    for line in yaml[end..].split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if !line.trim().is_empty() && indent <= key.column {
            break;
        }
        end += line.len();
    }
    (start, end)
}

/// Behind the closing quote (the parser says where the next thing begins); `None` where there are no quotes.
fn quoted_end(yaml: &str, start: usize) -> Option<usize> {
    let text = yaml.get(start..)?;
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = rest.next() {
        match (quote, character) {
            ('"', '\\') => drop(rest.next()),
            ('\'', '\'') if rest.peek().is_some_and(|(_, next)| *next == '\'') => drop(rest.next()),
            _ if character == quote => return Some(start + at + 1),
            _ => {}
        }
    }
    None
}
