//! Transcripts, and the examples of every help text: what they show has to work when it is pasted.

use ce_tests::program::{binary, project};

#[test]
fn transcripts_hold() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("ce-check", binary("ce-check"));
    cases
        .env("CE_HOST", "web1")
        .env("NO_COLOR", "1")
        .env("CE_STATE_DIR", "/nonexistent/ce");
    cases.case(
        project()
            .join("tests/check/cases/*.md")
            .display()
            .to_string(),
    );
}

/// Every example parses: its flags exist and their values are of the right form.
#[test]
fn every_example_of_every_help_parses() {
    let mut command = ce_check::command();
    command.build();
    let mut checked = 0;
    for subcommand in command.get_subcommands() {
        let examples = subcommand
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        for line in examples
            .lines()
            .filter(|line| !line.starts_with("Examples:"))
        {
            for part in line.split(" | ") {
                let words = split(part.trim());
                if words.first().map(String::as_str) != Some("ce-check") {
                    continue;
                }
                let parsed = ce_check::command().try_get_matches_from(words.iter());
                assert!(
                    parsed.is_ok(),
                    "{part}: {}",
                    parsed
                        .err()
                        .map(|error| error.to_string())
                        .unwrap_or_default()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 60, "only {checked} examples were found");
}

/// Words as a shell splits them: blanks, single and double quotes; what is redirected is left out.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut open = false;
    for character in line.chars() {
        match (quote, character) {
            (Some(end), _) if character == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                open = true;
            }
            (None, ' ') => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (None, '>' | '<' | '#') if word.is_empty() => return words,
            _ => word.push(character),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}
