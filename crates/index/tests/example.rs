//! The example of FORMAT.md, "Index".

use auditseal_index::{Builder, Index};

const PAGE: &str = include_str!("../../format/FORMAT.md");

/// The blocks of text below the example's heading.
fn example() -> Vec<&'static str> {
    let (_, rest) = PAGE.split_once("### Example of an index\n").expect("the example");
    let blocks = rest.split("```text\n").skip(1).take(3);
    blocks.map(|block| block.split_once("```").expect("its end").0).collect()
}

#[test]
fn the_example_is_what_the_text_gives() {
    let [first, second, bytes] = example()[..] else { panic!("three blocks") };
    let mut builder = Builder::new(7);
    for batch in [first, second] {
        builder.text(batch.as_bytes());
        builder.end_batch();
    }
    let index = builder.finish().unwrap();
    let hex: Vec<_> = index.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<_> = hex.chunks(32).map(|line| line.concat() + "\n").collect();
    assert_eq!(lines.concat(), bytes);
    let index = Index::open(index).unwrap();
    assert_eq!(index.open_batches().iter().collect::<Vec<_>>(), [1]);
}
