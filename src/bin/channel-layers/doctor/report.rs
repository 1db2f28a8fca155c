//! What was found: a line for people as soon as it is known, or one JSON value for programs at the end.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Fine,
    /// Things work, and will not at some time or for somebody.
    Warning,
    /// Nothing works like this.
    Problem,
}

#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// Which part it is about.
    pub(super) about: String,
    pub(super) finding: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

/// Takes findings.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    pub(super) findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Summary<'a> {
    ok: bool,
    problems: usize,
    warnings: usize,
    findings: &'a [Finding],
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, findings: Vec::new() }
    }

    pub(super) fn fine(&mut self, about: &str, finding: impl Into<String>) {
        self.add(Level::Fine, about, finding.into(), None);
    }

    pub(super) fn warning(&mut self, about: &str, finding: impl Into<String>, remedy: impl Into<String>) {
        self.add(Level::Warning, about, finding.into(), Some(remedy.into()));
    }

    pub(super) fn problem(&mut self, about: &str, finding: impl Into<String>, remedy: impl Into<String>) {
        self.add(Level::Problem, about, finding.into(), Some(remedy.into()));
    }

    /// One that is a problem or a warning, as the case may be.
    pub(super) fn wrong(&mut self, serious: bool, about: &str, finding: impl Into<String>, remedy: impl Into<String>) {
        let level = if serious { Level::Problem } else { Level::Warning };
        self.add(level, about, finding.into(), Some(remedy.into()));
    }

    fn add(&mut self, level: Level, about: &str, finding: String, remedy: Option<String>) {
        if !self.json {
            let mark = match level {
                Level::Fine => '✓',
                Level::Warning => '!',
                Level::Problem => '✗',
            };
            println!("{mark} {about}: {finding}");
            if let Some(remedy) = &remedy {
                println!("    {remedy}");
            }
        }
        self.findings.push(Finding { level, about: about.to_owned(), finding, remedy });
    }

    /// Ends the report; how many problems there are.
    pub(super) fn finish(self) -> usize {
        let count = |level| self.findings.iter().filter(|finding| finding.level == level).count();
        let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
        if self.json {
            let summary = Summary { ok: problems == 0, problems, warnings, findings: &self.findings };
            // Texts and numbers alone.
            println!("{}", serde_json::to_string(&summary).expect("a report is JSON"));
        }
        problems
    }
}
