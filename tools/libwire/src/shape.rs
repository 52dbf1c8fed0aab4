//! The shape of records, described apart from the types that hold them, because serde's errors have no place inside
//! flattened or tagged values. It finds the error in a record, its place, and members without a meaning.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt;

/// The kind of a value.
#[derive(Debug)]
pub enum Shape {
    /// Text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// True or false.
    Switch,
    /// A whole number in this range, both ends included.
    Whole(i64, i64),
    /// A value that a type can be read from.
    As(fn(&Value) -> Result<(), String>),
    /// A list.
    List(&'static Shape),
    /// An object with arbitrary names.
    Named(&'static Shape),
    /// An object with these members, and its name for messages.
    Object(&'static str, &'static [Member]),
}

/// Members of an object.
#[derive(Debug)]
pub enum Member {
    /// A required member.
    Must(&'static str, Shape),
    /// An optional member.
    May(&'static str, Shape),
    /// Two members, exactly one of which is required.
    One([(&'static str, Shape); 2]),
    /// A text that decides which other members there are.
    Kind(&'static str, &'static [(&'static str, &'static [Member])]),
    /// The members of another list.
    All(&'static [Member]),
}

/// A number from 0.
pub const COUNT: Shape = Shape::Whole(0, i64::MAX);
/// A number from 0, such as an id or a line.
pub const SMALL: Shape = Shape::Whole(0, u32::MAX as i64);
/// Any whole number.
pub const WHOLE: Shape = Shape::Whole(i64::MIN, i64::MAX);

/// The function for [`Shape::As`].
pub fn read<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    T::deserialize(value).map(drop).map_err(|error| error.to_string())
}

/// An error in a record. After the place of the record it reads `, instructions[1].mounts[0]: what`.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The object with the error; empty if it is the record.
    pub path: String,
    /// The error.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = if self.path.is_empty() { "" } else { ", " };
        write!(f, "{comma}{}: {}", self.path, self.what)
    }
}

/// The error in a record that is called `what`, if there is one. With `strict`, an unknown member is an error too.
pub fn fault(record: &Map<String, Value>, what: &str, members: &[Member], strict: bool) -> Option<Fault> {
    let mut look = Look { path: Vec::new(), strict };
    let what = look.object(record, what, members).err()?;
    Some(Fault { path: look.path.join("."), what })
}

fn is_required(members: &[Member], name: &str) -> bool {
    members.iter().any(|member| match member {
        Member::Must(own, _) => *own == name,
        Member::All(more) => is_required(more, name),
        _ => false,
    })
}

struct Look {
    /// The place inside the record: the names of objects, with positions in lists. After a fault it is the object
    /// with the fault.
    path: Vec<String>,
    strict: bool,
}

impl Look {
    fn object(&mut self, object: &Map<String, Value>, what: &str, members: &[Member]) -> Result<(), String> {
        if let Some((name, _)) = object.iter().find(|(_, value)| value.is_null()) {
            return Err(match is_required(members, name) {
                true => format!("`{name}` is null, but is required"),
                false => format!("`{name}` is null; leave it out"),
            });
        }
        let mut known = Vec::new();
        let present = present(object, members, &mut known)?;
        let top = self.path.is_empty();
        let is_known = |name: &str| known.contains(&name) || (top && name == "type");
        if let Some(name) = object.keys().find(|name| self.strict && !is_known(name)) {
            return Err(format!("{what} has no member `{name}`; it may have {}", known.join(", ")));
        }
        present.into_iter().try_for_each(|(name, shape, value)| self.member(name, value, shape))
    }

    fn member(&mut self, name: &str, value: &Value, shape: &Shape) -> Result<(), String> {
        self.path.push(name.to_owned());
        self.value(value, shape)?;
        self.path.pop();
        Ok(())
    }

    fn value(&mut self, value: &Value, shape: &Shape) -> Result<(), String> {
        let wanted = match (shape, value) {
            (Shape::Text, Value::String(_)) | (Shape::Switch, Value::Bool(_)) => return Ok(()),
            (Shape::Text, _) => "text".to_owned(),
            (Shape::Switch, _) => "true or false".to_owned(),
            (Shape::Word(words), _) if words.iter().any(|word| value == word) => return Ok(()),
            (Shape::Word(words), _) => format!("one of {}", words.join(", ")),
            (Shape::Whole(least, most), _) => match value.as_i64() {
                Some(number) if (*least..=*most).contains(&number) => return Ok(()),
                _ if *least < 0 => "a whole number".to_owned(),
                _ if *most == i64::MAX => "a whole number from 0".to_owned(),
                _ => format!("a whole number from {least} to {most}"),
            },
            (Shape::As(read), _) => return read(value).map_err(|error| self.wrong(&error)),
            (Shape::List(shape), Value::Array(items)) => return self.items(items, shape),
            (Shape::List(_), _) => "a list".to_owned(),
            (Shape::Named(shape), Value::Object(named)) => {
                return named.iter().try_for_each(|(name, value)| self.member(name, value, shape));
            }
            (Shape::Object(what, members), Value::Object(object)) => {
                return self.object(object, what, members);
            }
            (Shape::Named(_) | Shape::Object(..), _) => "an object".to_owned(),
        };
        Err(self.wrong(&format!("is {}, not {wanted}", kind(value))))
    }

    fn items(&mut self, items: &[Value], shape: &Shape) -> Result<(), String> {
        let list = self.path.pop().unwrap_or_default();
        items
            .iter()
            .enumerate()
            .try_for_each(|(at, item)| self.member(&format!("{list}[{at}]"), item, shape))?;
        self.path.push(list);
        Ok(())
    }

    /// Describes a wrong value.
    fn wrong(&mut self, what: &str) -> String {
        format!("`{}` {what}", self.path.pop().unwrap_or_default())
    }
}

type Present<'a> = Vec<(&'static str, &'a Shape, &'a Value)>;

/// The members that are present. All possible ones are then in `known`.
fn present<'a>(
    object: &'a Map<String, Value>,
    members: &'a [Member],
    known: &mut Vec<&'static str>,
) -> Result<Present<'a>, String> {
    let mut present = Vec::new();
    for member in members {
        match member {
            Member::Must(name, _) if !object.contains_key(*name) => {
                return Err(format!("`{name}` is missing"));
            }
            Member::Must(name, shape) | Member::May(name, shape) => {
                known.push(name);
                present.extend(object.get(*name).map(|value| (*name, shape, value)));
            }
            Member::One(two) => {
                let there: Vec<_> = two.iter().filter(|(name, _)| object.contains_key(*name)).collect();
                let [(first, _), (second, _)] = two;
                match there[..] {
                    [] => return Err(format!("`{first}` or `{second}` is missing")),
                    [_] => {}
                    _ => return Err(format!("there are both `{first}` and `{second}`")),
                }
                known.extend([*first, *second]);
                present.extend(there.into_iter().map(|(name, shape)| (*name, shape, &object[*name])));
            }
            Member::Kind(tag, kinds) => {
                let value = object.get(*tag).ok_or_else(|| format!("`{tag}` is missing"))?;
                let Some((_, others)) = kinds.iter().find(|(kind, _)| value == kind) else {
                    let kinds: Vec<_> = kinds.iter().map(|(kind, _)| *kind).collect();
                    return Err(format!("`{tag}` is {}, not one of {}", kind(value), kinds.join(", ")));
                };
                known.push(tag);
                present.extend(self::present(object, others, known)?);
            }
            Member::All(others) => present.extend(self::present(object, others, known)?),
        }
    }
    Ok(present)
}

/// The kind of a value, for a message.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("{:?}", text.chars().take(100).collect::<String>()),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests;
