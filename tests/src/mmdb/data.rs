//! The data section: values, each with a control byte before it.

use std::collections::HashMap;

/// A value of the data section.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A list.
    Array(Vec<Value>),
    /// True or false.
    Bool(bool),
    /// A number of eight bytes.
    Double(f64),
    /// Keys and values, in this order.
    Map(Vec<(String, Value)>),
    /// Bytes as they are, control byte included: for files that are not in order.
    Raw(Vec<u8>),
    /// A text.
    Text(String),
    /// A whole number of at most two bytes.
    U16(u16),
    /// A whole number of at most four bytes.
    U32(u32),
    /// A whole number of at most eight bytes.
    U64(u64),
}

impl From<serde_json::Value> for Value {
    /// Whole numbers become the smallest type that holds them, others doubles; `null` is no value of this format and becomes
    /// an empty text.
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Array(list) => Self::Array(list.into_iter().map(Self::from).collect()),
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Null => Self::Text(String::new()),
            serde_json::Value::Number(number) => {
                let whole = number.as_u64();
                let small = whole.and_then(|whole| u16::try_from(whole).ok()).map(Self::U16);
                let middle = || whole.and_then(|whole| u32::try_from(whole).ok()).map(Self::U32);
                let double = || Self::Double(number.as_f64().unwrap_or_default());
                small.or_else(middle).or(whole.map(Self::U64)).unwrap_or_else(double)
            }
            serde_json::Value::Object(map) => {
                Self::Map(map.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
            }
            serde_json::Value::String(text) => Self::Text(text),
        }
    }
}

/// The data section as it grows. What is there already is pointed at.
#[derive(Default)]
pub(super) struct Data {
    bytes: Vec<u8>,
    /// Where whole values are, by what they are when nothing is pointed at.
    values: HashMap<Vec<u8>, u32>,
    texts: HashMap<String, u32>,
}

impl Data {
    /// Where the value is, from the beginning of the section.
    pub(super) fn place(&mut self, value: &Value) -> u32 {
        let plain = encode(value);
        if let Some(place) = self.values.get(&plain) {
            return *place;
        }
        let place = length(&self.bytes);
        self.write(value);
        self.values.insert(plain, place);
        place
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn write(&mut self, value: &Value) {
        match value {
            Value::Map(map) => {
                control(&mut self.bytes, MAP, map.len());
                for (key, value) in map {
                    self.write_text(key);
                    self.write(value);
                }
            }
            Value::Array(list) => {
                control(&mut self.bytes, ARRAY, list.len());
                list.iter().for_each(|value| self.write(value));
            }
            Value::Text(text) => self.write_text(text),
            Value::Bool(_)
            | Value::Double(_)
            | Value::Raw(_)
            | Value::U16(_)
            | Value::U32(_)
            | Value::U64(_) => {
                self.bytes.extend(encode(value));
            }
        }
    }

    fn write_text(&mut self, text: &str) {
        // A pointer to a shorter one would be longer than the text.
        if let Some(place) = self.texts.get(text).filter(|_| text.len() > 2) {
            self.bytes.extend(pointer(*place));
            return;
        }
        self.texts.insert(text.to_owned(), length(&self.bytes));
        encode_text(&mut self.bytes, text);
    }
}

/// A value without pointers.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::Array(list) => {
            control(&mut out, ARRAY, list.len());
            list.iter().for_each(|value| out.extend(encode(value)));
        }
        Value::Bool(value) => control(&mut out, BOOL, (*value).into()),
        Value::Double(value) => {
            control(&mut out, DOUBLE, 8);
            out.extend(value.to_be_bytes());
        }
        Value::Map(map) => {
            control(&mut out, MAP, map.len());
            for (key, value) in map {
                encode_text(&mut out, key);
                out.extend(encode(value));
            }
        }
        Value::Raw(bytes) => out.extend(bytes),
        Value::Text(text) => encode_text(&mut out, text),
        Value::U16(number) => whole(&mut out, U16, &number.to_be_bytes()),
        Value::U32(number) => whole(&mut out, U32, &number.to_be_bytes()),
        Value::U64(number) => whole(&mut out, U64, &number.to_be_bytes()),
    }
    out
}

/// A pointer into the data section, in the shortest of its four forms.
pub(super) fn pointer(place: u32) -> Vec<u8> {
    let [_, b, c, d] = place.to_be_bytes();
    if place < POINTER_BASE_1 {
        return vec![POINTER << 5 | c, d];
    }
    let [_, b1, c1, d1] = (place - POINTER_BASE_1).to_be_bytes();
    if place < POINTER_BASE_2 {
        return vec![POINTER << 5 | 1 << 3 | b1, c1, d1];
    }
    let [a2, b2, c2, d2] = (place - POINTER_BASE_2).to_be_bytes();
    if a2 < 8 {
        return vec![POINTER << 5 | 2 << 3 | a2, b2, c2, d2];
    }
    let [a, ..] = place.to_be_bytes();
    vec![POINTER << 5 | 3 << 3, a, b, c, d]
}

/// The control byte: the type, and how much of it there is.
pub(super) fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let [_, a, b, c] = size.to_be_bytes();
    let (short, long): (u8, Vec<u8>) = match size {
        0..29 => (c, Vec::new()),
        29..285 => (29, vec![c.wrapping_sub(29)]),
        285..65_821 => (30, (size - 285).to_be_bytes().get(2..).unwrap_or_default().to_vec()),
        65_821..=16_843_036 => (31, (size - 65_821).to_be_bytes().get(1..).unwrap_or_default().to_vec()),
        _ => (31, vec![a, b, c]),
    };
    // Types above seven do not fit into three bits.
    if kind < 8 {
        out.push(kind << 5 | short);
    } else {
        out.extend([short, kind - 7]);
    }
    out.extend(long);
}

fn encode_text(out: &mut Vec<u8>, text: &str) {
    control(out, TEXT, text.len());
    out.extend(text.as_bytes());
}

/// Zeros in front are left out.
fn whole(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    control(out, kind, digits.len());
    out.extend(digits);
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

pub(super) const POINTER: u8 = 1;
pub(super) const TEXT: u8 = 2;
const DOUBLE: u8 = 3;
const U16: u8 = 5;
const U32: u8 = 6;
pub(super) const MAP: u8 = 7;
const U64: u8 = 9;
pub(super) const ARRAY: u8 = 11;
const BOOL: u8 = 14;

const POINTER_BASE_1: u32 = 2048;
const POINTER_BASE_2: u32 = 526_336;
