//! Files that look like databases and are none.

use super::{
    MARKER, Mmdb, Value,
    data::{ARRAY, Data, MAP, TEXT, control, encode, pointer},
    tree::{Record, Tree},
};

/// Damaged files, each with a word for what was done to it. In those whose records are damaged the first row of `good` is
/// whole, and the damage lies elsewhere.
pub fn damaged(good: &Mmdb) -> Vec<(&'static str, Vec<u8>)> {
    let whole = good.to_bytes();
    let half = whole.len() / 2;
    let cut = |end: usize| whole.get(..end).unwrap_or_default().to_vec();
    let marker = whole.windows(MARKER.len()).rposition(|bytes| bytes == MARKER).unwrap_or_default();
    let record = |bytes: Vec<u8>| {
        // The widest network is laid first, so that what it holds stands at the beginning of the data.
        let bad = Mmdb { rows: Vec::new(), ..good.clone() }.row("0.0.0.0/0", Value::Raw(bytes));
        let first = good.rows.first().map(|(_, value)| value.clone());
        bad.row("2.0.0.0/8", first.unwrap_or(Value::Map(Vec::new()))).to_bytes()
    };
    vec![
        ("nothing at all", Vec::new()),
        ("one byte", vec![0]),
        ("a text", b"License key invalid\n".repeat(500)),
        ("an archive", [b"\x1f\x8b\x08\x00".as_slice(), &cut(half)].concat()),
        ("the first half", cut(half)),
        ("all but the metadata", cut(marker)),
        ("all but the last byte", cut(whole.len() - 1)),
        ("the marker and nothing behind it", cut(marker + MARKER.len())),
        ("metadata that is a list", [cut(marker).as_slice(), MARKER, &[0x01, 0x04, 0x40]].concat()),
        ("no metadata but zeros", [cut(marker).as_slice(), MARKER, &[0; 64]].concat()),
        ("more nodes than bytes", one_record(good, good.record_bits, u32::MAX)),
        ("no nodes", one_record(good, good.record_bits, 0)),
        ("records of 27 bits", one_record(good, 27, 1)),
        ("records of 0 bits", one_record(good, 0, 1)),
        ("a root without an end", spoiled(good, [Record::Node(0); 2])),
        ("a root that leads nowhere", spoiled(good, [Record::Data(0x00f0_0000); 2])),
        // Between the tree and the data lie sixteen bytes, and no record may point at them.
        ("a record in the zeros between", spoiled(good, [Record::Node(1 + 7), Record::Node(1 + 15)])),
        ("a map that contains itself", record(self_containing(MAP))),
        ("a list that contains itself", record(self_containing(ARRAY))),
        ("a pointer to itself", record(pointer(0))),
        ("a pointer to beyond the end", record(pointer(0x00ff_ffff))),
        ("a text that goes on for ever", record(huge(TEXT))),
        ("a map without an end", record(huge(MAP))),
        ("a list without an end", record(huge(ARRAY))),
        ("lists a thousand deep", record([0x01, 0x04].repeat(1000))),
        ("a type that does not exist", record(vec![0x00, 0xff])),
        ("a key that is a number", record(vec![0xe1, 0xa1, 0x01, 0xa1, 0x01])),
    ]
}

/// A tree of one node, and metadata that tell what they like of it.
fn one_record(good: &Mmdb, told_bits: u8, told_count: u32) -> Vec<u8> {
    let mut data = Data::default();
    let place = data.place(&Value::Map(Vec::new()));
    let mut tree = Tree::default();
    tree.lay(0, 0, place);
    good.assemble(&tree, &data.into_bytes(), told_bits, told_count)
}

/// A tree of one node with these records.
fn spoiled(good: &Mmdb, [zero, one]: [Record; 2]) -> Vec<u8> {
    let mut data = Data::default();
    let place = data.place(&Value::Map(Vec::new()));
    let mut tree = Tree::default();
    tree.lay(0, 0, place);
    tree.spoil(0, 0, zero);
    tree.spoil(0, 1, one);
    good.assemble(&tree, &data.into_bytes(), good.record_bits, tree.count())
}

/// At the beginning of the data: a map or list of one, and in it the beginning of the data again.
fn self_containing(kind: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    control(&mut bytes, kind, 1);
    if kind == MAP {
        bytes.extend(encode(&Value::Text("country".to_owned())));
    }
    bytes.extend(pointer(0));
    bytes
}

fn huge(kind: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    control(&mut bytes, kind, 16_000_000);
    bytes
}
