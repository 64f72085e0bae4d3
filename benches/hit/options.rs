//! What is measured.

pub struct Options {
    pub workers: Vec<usize>,
    pub rounds: usize,
    pub seconds: u32,
    cases: Vec<String>,
}

impl Options {
    pub fn parse(args: &[String]) -> Self {
        let mut options = Self { workers: Vec::new(), rounds: 5, seconds: 2, cases: Vec::new() };
        for arg in args.iter().filter(|arg| !arg.starts_with("--")) {
            if let Some(rounds) = arg.strip_prefix("rounds=") {
                options.rounds = rounds.parse().expect("a number of rounds");
            } else if let Some(seconds) = arg.strip_prefix("seconds=") {
                options.seconds = seconds.parse().expect("a number of seconds");
            } else if let (1, Ok(workers)) = (arg.len(), arg.parse()) {
                options.workers.push(workers);
            } else {
                options.cases.push(arg.clone());
            }
        }
        if options.workers.is_empty() {
            options.workers = vec![1, 2];
        }
        options
    }

    /// Whether a case whose name begins like this is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|case| name.starts_with(case.as_str()))
    }
}
