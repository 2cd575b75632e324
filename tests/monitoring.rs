//! What stands in `monitoring/` and in docs/MONITORING.md, held to what the programs show.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::broker::Broker;
use crate::harness::eventually::{SOON, eventually};
use crate::harness::folder::Folder;
use crate::harness::launch::Launch;
use crate::harness::program::Program;
use crate::harness::scraping::{promtool, scrape};
use crate::harness::{publisher, subscriber};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Names and kinds of all that both programs show.
fn shown() -> BTreeSet<(String, String)> {
    let broker = Broker::absent();
    let (spool, out) = (Folder::new(), Folder::new());
    let camera = publisher(&broker)
        .flags("--metrics 0 --source test --resolution 320x240 --spool-dir")
        .arg(spool.path())
        .start();
    let storing = subscriber(&broker, out.path()).flags("--metrics 0").start();
    // The disk is looked at by a thread of its own.
    eventually(SOON, "the disk to be looked at", || {
        scrape(&storing)
            .has("framebridge_subscriber_disk_free_bytes")
            .then_some(())
    });
    let families = |program: &Program| scrape(program).families();
    [families(&camera), families(&storing)]
        .concat()
        .into_iter()
        .collect()
}

fn queries() -> Vec<String> {
    let text =
        fs::read_to_string(repository("monitoring/framebridge.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let queries = targets.flatten().map(|target| &target["expr"]);
    queries
        .map(|query| query.as_str().expect("a query").to_owned())
        .collect()
}

/// The names of ours in `text`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !is_part(c))
        .filter(|word| word.starts_with("framebridge_") && !word.ends_with('_'))
}

#[test]
fn each_query_of_the_dashboard_names_figures_that_are_shown() {
    let shown: BTreeSet<String> = shown().into_iter().map(|(name, _)| name).collect();
    let queries = queries();
    assert!(queries.len() > 20, "{queries:#?}");
    for query in &queries {
        let named: Vec<_> = names(query).collect();
        assert!(!named.is_empty(), "{query} names no figure of ours");
        for name in named {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(shown.contains(family), "nobody shows {name}, as in {query}");
        }
    }
}

#[test]
fn prometheus_takes_the_configuration_and_each_query_of_the_dashboard() {
    promtool("check config")
        .arg(repository("monitoring/prometheus.yml"))
        .run(SOON)
        .succeeded();
    // A rule's expression is checked as a query's would be.
    let rules = queries().into_iter().enumerate().map(|(nth, query)| {
        let query = query.replace("$__rate_interval", "1m");
        let query = serde_json::to_string(&query).expect("text");
        format!("  - record: query{nth}\n    expr: {query}\n")
    });
    let rules: String = rules.collect();
    let folder = Folder::new();
    let file = folder.path().join("rules.yml");
    fs::write(
        &file,
        format!("groups:\n- name: dashboard\n  rules:\n{rules}"),
    )
    .expect("writing");
    let check: Launch = promtool("check rules").arg(&file);
    check.run(SOON).succeeded();
}

#[test]
fn all_figures_are_listed_with_their_kinds_and_no_others() {
    let text = fs::read_to_string(repository("docs/MONITORING.md")).expect("the list");
    let listed: BTreeSet<(String, String)> = text
        .lines()
        .filter(|line| line.starts_with("| `framebridge_"))
        .map(|line| {
            let mut columns = line.split('|').skip(1).map(str::trim);
            let name = columns.next().expect("a name").trim_matches('`');
            let name = name.split('{').next().expect("a name");
            (name.to_owned(), columns.next().expect("a kind").to_owned())
        })
        .collect();
    assert_eq!(listed, shown());
}

#[test]
fn the_alerts_are_rules_that_prometheus_takes_and_name_figures_that_are_shown() {
    let text = fs::read_to_string(repository("docs/MONITORING.md")).expect("the alerts");
    let (_, rules) = text.split_once("```yaml\n").expect("rules");
    let (rules, _) = rules.split_once("```").expect("their end");
    let folder = Folder::new();
    let file = folder.path().join("alerts.yml");
    fs::write(&file, rules).expect("writing");
    promtool("check rules").arg(&file).run(SOON).succeeded();
    let shown: BTreeSet<String> = shown().into_iter().map(|(name, _)| name).collect();
    for name in names(rules) {
        assert!(shown.contains(name), "nobody shows {name}");
    }
}
