//! Lists, a page at a time: `MaxItems` and `Marker` in, `NextMarker` out.

use serde_json::to_string;

use super::parameter;

/// Part of a list, its items rendered.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Page {
    items: Vec<String>,
    /// `None`: the last page.
    next: Option<String>,
}

/// The page that `query` asks for, of at most `most` items. Each item comes with its key; a marker is the key of the last item
/// that the client has. One that a client makes up leads to the beginning.
pub(super) fn page(all: impl Iterator<Item = (String, String)>, query: &str, most: u32) -> Page {
    let marker = parameter(query, "Marker").filter(|marker| !marker.is_empty());
    let wanted = parameter(query, "MaxItems").and_then(|text| text.parse().ok()).unwrap_or(most);
    let wanted = usize::try_from(wanted.clamp(1, most)).unwrap_or(usize::MAX);
    let all: Vec<_> = all.collect();
    let has_it = |marker: String| all.iter().position(|(key, _)| *key == marker);
    let from = marker.and_then(has_it).map_or(0, |at| at + 1);
    let until = all.len().min(from + wanted);
    let next = (until < all.len()).then(|| all[until - 1].0.clone());
    let items = all.into_iter().take(until).skip(from).map(|(_, item)| item).collect();
    Page { items, next }
}

impl Page {
    /// As the member `name` of an object.
    pub(super) fn render(&self, name: &str) -> String {
        let items = self.items.join(",");
        let next = self.next.as_ref().map(|next| to_string(next).expect("a text is always JSON"));
        let next = next.map(|next| format!(r#","NextMarker":{next}"#)).unwrap_or_default();
        format!(r#"{{"{name}":[{items}]{next}}}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let all = ["a", "b", "c"].map(|key| (key.to_owned(), format!("\"{key}\"")));
        assert_eq!(page(all.into_iter(), query, 2).render("All"), expected, "{query}");
    }

    #[test]
    fn a_list_is_told_in_pages() {
        check("", r#"{"All":["a","b"],"NextMarker":"b"}"#);
        check("Marker=b", r#"{"All":["c"]}"#);
        check("MaxItems=1&Marker=a", r#"{"All":["b"],"NextMarker":"b"}"#);
        check("MaxItems=100", r#"{"All":["a","b"],"NextMarker":"b"}"#);
        check("Marker=c", r#"{"All":[]}"#);
    }

    #[test]
    fn a_marker_that_nobody_gave_leads_to_the_beginning() {
        check("Marker=x&MaxItems=0", r#"{"All":["a"],"NextMarker":"a"}"#);
    }
}
