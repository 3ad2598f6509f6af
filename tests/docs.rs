//! The documents say what the program says.

use linkerd_certs::findings::Code;

#[test]
fn every_code_stands_in_the_table_of_findings_with_its_title() {
    let table = include_str!("../docs/findings.md");
    let rows: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| LC-")?.split_once(" | "))
        .filter_map(|(code, rest)| Some((code, rest.split_once(" | ")?.0)))
        .collect();
    let expected: Vec<(&str, &str)> =
        Code::ALL.iter().map(|code| (code.as_str().trim_start_matches("LC-"), code.title())).collect();
    assert_eq!(rows, expected);
}
