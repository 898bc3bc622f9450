//! What reading a template turned up, collected so that everything is said at once.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// Where in the template. Both count from 1; columns count characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Something that must be put right before anything of the template runs.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mistake {
    /// `None`: the file itself, or an override that came from elsewhere.
    pub place: Option<Place>,
    pub message: String,
}

/// Something that is understood and has no effect here, or a value that had to be made up.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Note {
    pub place: Place,
    pub message: String,
}

/// Every mistake of one template, in the file's order. `Display` gives one `file:line:column: message` per line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistakes {
    pub file: PathBuf,
    pub list: Vec<Mistake>,
}

impl Mistakes {
    /// One mistake that belongs to no line.
    pub(super) fn of_the_file(file: &Path, message: String) -> Self {
        Self { file: file.to_owned(), list: vec![Mistake { place: None, message }] }
    }
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for (index, Mistake { place, message }) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match place {
                Some(Place { line, column }) => write!(f, "{file}:{line}:{column}: {message}")?,
                None => write!(f, "{file}: {message}")?,
            }
        }
        Ok(())
    }
}

/// Stands where a value should be that could not be had: the mistake is already on the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported;

#[derive(Debug, Default)]
pub(super) struct Findings {
    mistakes: Vec<Mistake>,
    notes: Vec<Note>,
    grouped: BTreeMap<Group, (Place, Vec<String>)>,
}

/// Notes that are one sentence about many places.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Group {
    /// A property or attribute that the embedded Lambda does not act on; the members are functions.
    Property(String),
    /// What does not exist here; the members are types of resources.
    ResourceTypes,
    /// What the template itself says is not for this machine; the members are functions.
    LeftOut,
    /// Values of resources that do not exist here; the members are references.
    MadeUp,
}

impl Findings {
    pub(super) fn mistake(&mut self, place: Place, message: impl Into<String>) -> Reported {
        self.mistakes.push(Mistake { place: Some(place), message: message.into() });
        Reported
    }

    pub(super) fn mistake_elsewhere(&mut self, message: String) {
        self.mistakes.push(Mistake { place: None, message });
    }

    pub(super) fn note(&mut self, place: Place, message: String) {
        self.notes.push(Note { place, message });
    }

    pub(super) fn note_member(&mut self, group: Group, place: Place, member: &str) {
        let (first, members) = self.grouped.entry(group).or_insert_with(|| (place, Vec::new()));
        *first = place.min(*first);
        if !members.iter().any(|known| known == member) {
            members.push(member.to_owned());
        }
    }

    /// The notes in the file's order, or else every mistake in the file's order.
    pub(super) fn finish(mut self, file: &Path) -> Result<Vec<Note>, Mistakes> {
        if !self.mistakes.is_empty() {
            // A global property is read once per function, and is wrong once.
            self.mistakes.sort();
            self.mistakes.dedup();
            return Err(Mistakes { file: file.to_owned(), list: self.mistakes });
        }
        let grouped = self.grouped.into_iter().map(|(group, (place, members))| {
            let members = members.join(", ");
            let message = match group {
                Group::Property(name) => {
                    format!("`{name}` is not acted on by the embedded Lambda ({members})")
                }
                Group::ResourceTypes => {
                    format!("what does not exist on this machine is passed over: {members}")
                }
                Group::LeftOut => format!("left out on this machine, as the template says: {members}"),
                Group::MadeUp => {
                    format!("stand-in values for what does not exist on this machine: {members}")
                }
            };
            Note { place, message }
        });
        self.notes.extend(grouped);
        self.notes.sort();
        self.notes.dedup();
        Ok(self.notes)
    }
}

/// `name` in backticks, and the known name that was probably meant.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let wanted = name.to_ascii_lowercase();
    let nearest = known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= LIKELY)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, candidate)) => format!("`{name}`; did you mean `{candidate}`?"),
        None => format!("`{name}`"),
    }
}

/// Jaro-Winkler likeness, 0 to 1, from which a name is worth proposing. Chosen by trying slips of the keyboard.
const LIKELY: f64 = 0.84;
