//! Raw answers as a file: what every node said, word for word, but for secrets.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};
use serde::{Deserialize, Serialize};

use super::look::Raw;
use super::probe;
use crate::model::NodeName;

/// What one node said, question by question; or why it could not be asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Said {
    Answers(BTreeMap<String, Answer>),
    Failed(String),
}

/// What one command said.
#[derive(Serialize, Deserialize)]
struct Answer {
    exit: i32,
    out: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    err: String,
}

/// What takes the place of a value that may be a secret.
const LEFT_OUT: &str = "(left out)";

/// Puts answers into a form to be kept.
pub(super) fn save(raw: &Raw) -> Result<serde_json::Value, String> {
    let said = |said: &Result<String, String>| match said {
        Err(why) => Said::Failed(why.clone()),
        Ok(text) => match probe::read(text) {
            Err(why) => Said::Failed(why),
            Ok(answers) => Said::Answers(
                answers
                    .into_iter()
                    .map(|(name, answer)| {
                        let out = if name == "store" { without_secrets(answer.out) } else { answer.out.to_owned() };
                        (name.to_owned(), Answer { exit: answer.code, out, err: answer.err.to_owned() })
                    })
                    .collect(),
            ),
        },
    };
    let all: BTreeMap<&NodeName, Said> = raw.iter().map(|(node, one)| (node, said(one))).collect();
    serde_json::to_value(all).map_err(|error| error.to_string())
}

/// Takes them out of that form again.
pub(super) fn load(kept: &serde_json::Value) -> Result<Raw, String> {
    let all = BTreeMap::<NodeName, Said>::deserialize(kept).map_err(|error| format!("the snapshot: {error}"))?;
    let said = |said: Said| match said {
        Said::Failed(why) => Err(why),
        Said::Answers(answers) => {
            let mut text = String::new();
            for (name, Answer { exit, out, err }) in answers {
                text.push_str(&format!("#{name} {exit} {} {}\n{out}{err}\n", out.len(), err.len()));
            }
            Ok(text + "#end\n")
        }
    };
    Ok(all.into_iter().map(|(node, one)| (node, said(one))).collect())
}

/// The store without the parameters of its resources: passwords stand among them, and none of them is needed.
fn without_secrets(xml: &str) -> String {
    let Ok(document) = Document::parse(xml) else { return LEFT_OUT.into() };
    let of_a_resource = |node: &Node<'_, '_>| node.ancestors().any(|n| n.has_tag_name("instance_attributes"));
    let pairs = document.descendants().filter(|node| node.has_tag_name("nvpair"));
    let inside_nodes =
        |node: &Node<'_, '_>| node.ancestors().any(|n| matches!(n.tag_name().name(), "nodes" | "status"));
    let mut values: Vec<_> = pairs
        .filter(|node| of_a_resource(node) && !inside_nodes(node))
        .filter_map(|node| node.attribute_node("value").map(|value| value.range_value()))
        .collect();
    values.sort_by_key(|range| std::cmp::Reverse(range.start));
    let mut text = xml.to_owned();
    for range in values {
        text.replace_range(range, LEFT_OUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_resources_are_left_out_and_attributes_of_nodes_stay() {
        let xml = r#"<cib><configuration><nodes><node id="1" uname="n1"><instance_attributes id="a"><nvpair id="b" name="standby" value="on"/></instance_attributes></node></nodes><resources><primitive id="f" class="stonith"><instance_attributes id="c"><nvpair id="d" name="passwd" value="hun&quot;ter2"/></instance_attributes></primitive></resources></configuration></cib>"#;
        let told = without_secrets(xml);
        assert!(!told.contains("ter2"), "{told}");
        assert!(told.contains(r#"name="standby" value="on""#), "{told}");
        assert!(Document::parse(&told).is_ok());
        assert_eq!(without_secrets("passwd=hunter2"), LEFT_OUT);
    }

    #[test]
    fn what_is_saved_comes_back() {
        let text = "#time 0 3 0\n1.5\n#status 102 4 5\nwhatoops!\n#end\n";
        let raw: Raw = [("n1".into(), Ok(text.to_owned())), ("n2".into(), Err("no route".to_owned()))].into();
        let back = load(&save(&raw).unwrap()).unwrap();
        let read = |raw: &Raw| {
            raw.values()
                .map(|v| v.as_ref().map(|t| format!("{:?}", probe::read(t))).map_err(Clone::clone))
                .collect::<Vec<_>>()
        };
        assert_eq!(read(&back), read(&raw));
    }
}
