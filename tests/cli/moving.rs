//! The pages on moving can be pasted from: their configuration is one. And no link of the documentation leads nowhere.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{Shell, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Markdown files in `folder` and below it, in order.
fn pages(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => pages(&path),
            false => BTreeSet::from([path]),
        })
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .collect()
}

/// The lines of a page, each with the language of the fenced block that it is in; `None`: it is prose, or a fence.
fn lines(text: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    text.lines().scan(None, |block, line| {
        let fence = line.trim_start().strip_prefix("```");
        let inside = *block;
        if let Some(language) = fence {
            *block = inside.is_none().then_some(language);
        }
        Some((inside.filter(|_| fence.is_none()), line))
    })
}

/// What stands in the page's blocks of TOML, one after the other.
fn configuration(text: &str) -> String {
    lines(text).filter(|(block, _)| *block == Some("toml")).map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn the_configuration_that_a_page_on_moving_tells_block_by_block_is_one_without_mistakes() {
    for platform in ["stedi", "altair", "eywa", "openfaas"] {
        let page = root().join(format!("docs/moving/{platform}.md"));
        let written = configuration(&fs::read_to_string(&page).expect("a page"));
        assert!(written.contains("[[function]]") && written.contains("[[key]]"), "{platform}: {written}");
        let output = Shell::with("stayput.toml", &written).run("check-config");
        assert_eq!(output.status.code(), Some(0), "{platform}: {}\n{written}", text(&output.stderr));
    }
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text).filter(|(block, line)| block.is_none() && line.starts_with('#'));
    let mut anchors = BTreeSet::new();
    for (_, heading) in headings {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|n| format!("{anchor}-{n}"));
        let free = [anchor.clone()].into_iter().chain(again).find(|it| !anchors.contains(it));
        anchors.insert(free.expect("there is always a number more"));
    }
    anchors
}

/// What the page's prose links to, but other sites; not what stands in code.
fn targets(text: &str) -> Vec<String> {
    let prose = lines(text).filter(|(block, _)| block.is_none());
    // Between backticks is every second part; a link's text may hold such a part, its target does not.
    let spoken = prose.map(|(_, line)| line.split('`').step_by(2).collect::<Vec<_>>().join("`"));
    let ends = |line: String| {
        let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.map(|(target, _)| target.to_owned()).collect::<Vec<_>>()
    };
    spoken.flat_map(ends).filter(|target| !target.contains("://")).collect()
}

/// The page's links that lead to no file, or to no heading of it.
fn dead_links(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("a page");
    let leads = |target: &String| {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let file = match file {
            "" => page.to_owned(),
            file => page.parent().expect("a folder").join(file),
        };
        match anchor {
            "" => file.exists(),
            anchor => fs::read_to_string(file).is_ok_and(|text| anchors(&text).contains(anchor)),
        }
    };
    targets(&text).into_iter().filter(|target| !leads(target)).collect()
}

#[test]
fn every_link_of_the_documentation_leads_to_a_file_and_to_a_heading_in_it() {
    let documentation = pages(&root().join("docs")).into_iter().chain([root().join("README.md")]);
    let dead: Vec<_> =
        documentation.map(|page| (dead_links(&page), page)).filter(|(links, _)| !links.is_empty()).collect();
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn a_dead_link_is_found_wherever_it_stands_but_in_code() {
    let shell =
        Shell::with("other.md", "# Its `name`, and more\n## Twice\n## Twice\n```sh\n# no heading\n```\n");
    let page = "[a](other.md) [b](other.md#its-name-and-more) [c](#here) [d](other.md#twice-1) [e](https://a.example/x)\n\
        ## Here\n`[f](none.md)`, [`g`](gone.md) and [h](other.md#no-heading)\n```text\n[i](none.md)\n```\n\
        [j](#there), [k](other.md#twice-2)\n";
    shell.write("page.md", page);
    assert_eq!(
        dead_links(&shell.path().join("page.md")),
        ["gone.md", "other.md#no-heading", "#there", "other.md#twice-2"]
    );
}
