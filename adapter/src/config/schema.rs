//! The configuration file's JSON Schema, by which editors complete, explain and underline.
//!
//! What a schema cannot say (that a name is taken, that an address is not loopback) `stayput check-config` says.

use serde_json::{Map, Value, json};

use super::{
    kind::Shape,
    row::{self, Field},
    settings::{self, Setting},
};

/// Draft 7, which every editor's TOML plug-in reads.
pub fn schema() -> Value {
    let mut sections = Map::new();
    for setting in settings::all() {
        let section = sections.entry(setting.section).or_insert_with(|| table(&Map::new(), &[]));
        section["properties"][setting.key] = property(setting);
    }
    sections.insert("function".to_owned(), rows(&row::function()));
    sections.insert("key".to_owned(), rows(&row::key()));
    let mut schema = table(&sections, &[]);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Stayput's configuration");
    schema
}

fn property(setting: &Setting) -> Value {
    let mut property = of(&setting.shape);
    property["description"] = json!(setting.about);
    property["default"] = match setting.shape {
        Shape::Count => json!(setting.default.parse::<u32>().expect("a default is valid")),
        Shape::Truth => json!(setting.default == "true"),
        Shape::Texts | Shape::Words(_) if setting.default.is_empty() => json!([]),
        Shape::Text
        | Shape::Word(_)
        | Shape::Time
        | Shape::Size
        | Shape::Hash
        | Shape::Texts
        | Shape::Words(_) => json!(setting.default),
    };
    property
}

fn rows(fields: &[Field]) -> Value {
    let properties = fields.iter().map(|field| {
        let mut property = of(&field.shape);
        property["description"] = json!(field.about);
        (field.name.to_owned(), property)
    });
    let required: Vec<_> = fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
    json!({ "type": "array", "items": table(&properties.collect(), &required) })
}

fn table(properties: &Map<String, Value>, required: &[&str]) -> Value {
    let mut table = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

fn of(shape: &Shape) -> Value {
    let one_or_list = |item: Value| json!({ "oneOf": [item, { "type": "array", "items": item }] });
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Count => json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        Shape::Truth => json!({ "type": "boolean" }),
        Shape::Time => json!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h)$" }),
        Shape::Size => json!({ "type": "string", "pattern": "^[0-9]+ ?(B|kB|MB|KiB|MiB|GiB)$" }),
        Shape::Hash => json!({ "type": "string", "pattern": "^[0-9A-Fa-f]{64}$" }),
        Shape::Texts => one_or_list(json!({ "type": "string" })),
        Shape::Words(words) => one_or_list(json!({ "enum": words })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, SourceFile, Sources};

    #[test]
    fn the_schema_in_the_documents_is_this_one() {
        let kept: Value = serde_json::from_str(include_str!("../../../docs/stayput.schema.json")).unwrap();
        assert_eq!(kept, schema(), "write it anew: stayput check-config --schema > docs/stayput.schema.json");
    }

    /// What the reader itself says that it knows, when it is asked for something else.
    #[track_caller]
    fn check(table: &str, properties: &Value) {
        let text = format!("{table}\nno-such-key-whatsoever = 1\n");
        let file = SourceFile { name: "s".into(), text };
        let mistakes = Config::check(&Sources { file: Some(file), ..Sources::default() }).unwrap_err();
        let said = mistakes.to_string();
        let known = said.lines().find_map(|line| line.split_once("is unknown; known: ")).expect(&said).1;
        let mut known: Vec<_> = known.split(", ").collect();
        known.sort_unstable();
        let described: Vec<_> = properties.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, known, "{table}");
    }

    #[test]
    fn the_schema_describes_what_is_read_and_nothing_else() {
        let schema = schema();
        let properties = &schema["properties"];
        for section in ["gateway", "lambda", "aws", "callback"] {
            check(&format!("[{section}]"), &properties[section]["properties"]);
        }
        for row in ["function", "key"] {
            check(&format!("[[{row}]]"), &properties[row]["items"]["properties"]);
        }
        check("", properties);
    }
}
