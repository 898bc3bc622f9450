//! What the operator says of callbacks, and the rules that come of it.

use stayput_core::{
    admission::Asynchronous,
    callback::{HostPattern, Policy, Verdict, classify},
    keys::Cidr,
};

use super::{
    mistake::{Mistakes, quoted},
    settings::{CallbackSettings, Value, both},
};

impl CallbackSettings {
    /// Where callbacks may go, in front of AWS: never to the gateway's own machine.
    pub fn policy(&self) -> Policy {
        Policy {
            own_names: self.own_names.clone(),
            hosts: Some(self.allow_hosts.clone()).filter(|hosts| !hosts.is_empty()),
            addresses: self.allow_addresses.clone(),
            userinfo: false,
            dev: false,
        }
    }

    /// As [`policy`](Self::policy), on a laptop: to receivers on the same machine as well, unless the operator says no.
    pub fn dev_policy(&self) -> Policy {
        Policy { dev: self.loopback, ..self.policy() }
    }

    /// Both queues or neither: what cannot be delivered has to lie somewhere.
    pub(super) fn check_queues(&self, values: &[Value], mistakes: &mut Mistakes) {
        let queues = (("queue", self.queue.is_some()), ("dead_letters", self.dead_letters.is_some()));
        both(queues.0, queues.1, values, mistakes);
    }

    /// What asynchronous calls must keep to, where callbacks are promised.
    pub fn rules(&self, policy: Policy) -> Asynchronous {
        Asynchronous { callbacks: Some(policy), callback_event_bytes: self.event_bytes }
    }
}

/// Hosts and all below them, with commas between them.
pub(super) fn hosts(text: &str) -> Result<Vec<HostPattern>, String> {
    list(text, |word| {
        HostPattern::parse(word).ok_or_else(|| {
            format!(
                "{} is not a host; write e.g. \"hooks.example.com\", or \"*.example.com\" for all below it",
                quoted(word)
            )
        })
    })
}

/// Blocks of plain addresses, with commas between them.
pub(super) fn blocks(text: &str) -> Result<Vec<Cidr>, String> {
    list(text, |word| {
        let block = Cidr::parse(word).ok_or_else(|| {
            format!("{} is not a block of addresses; write e.g. \"10.0.0.0/8\"", quoted(word))
        })?;
        // Else the operator would believe to have allowed what is refused whatever he says.
        let allowing = Policy { addresses: vec![block], ..Policy::default() };
        match classify(block.network, &allowing) {
            Verdict::Allowed => Ok(block),
            Verdict::Forbidden(what) => {
                Err(format!("{} is never dialled ({what}); write the plain addresses", quoted(word)))
            }
        }
    })
}

/// Nothing at all is an empty list; nothing between two commas is a mistake. Tells all that is wrong.
fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let (mut known, mut wrong) = (Vec::new(), Vec::new());
    for word in text.split(',') {
        match read(word.trim()) {
            Ok(value) => known.push(value),
            Err(what) => wrong.push(what),
        }
    }
    if wrong.is_empty() { Ok(known) } else { Err(wrong.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, SourceFile, Sources};

    fn settings(text: &str) -> CallbackSettings {
        let file = SourceFile { name: "s.toml".into(), text: format!("[callback]\n{text}") };
        let checked = Config::check(&Sources { file: Some(file), ..Sources::default() });
        checked.unwrap_or_else(|mistakes| panic!("{mistakes}")).callback
    }

    #[test]
    fn by_default_callbacks_go_to_any_public_host_and_in_dev_to_this_machine() {
        assert_eq!(settings("").policy(), Policy::default());
        assert_eq!(settings("").dev_policy(), Policy { dev: true, ..Policy::default() });
        assert_eq!(settings("").rules(Policy::default()), Asynchronous::default());
    }

    #[test]
    fn this_machine_is_taken_out_of_dev_and_never_gets_into_production() {
        assert_eq!(settings("loopback = false").dev_policy(), Policy::default());
        assert!(!settings("loopback = true").policy().dev);
    }

    #[test]
    fn what_is_written_is_the_policy() {
        let text = "allow_hosts = [\"hooks.example.com\", \"*.example.org\"]\nallow_addresses = \"10.0.0.0/8, fd00::/8\"\n\
                    own_names = \"gateway.example\"\nevent_bytes = \"1 KiB\"";
        let settings = settings(text);
        let policy = settings.policy();
        let pattern = |text| HostPattern::parse(text).unwrap();
        assert_eq!(policy.hosts, Some(vec![pattern("hooks.example.com"), pattern("*.example.org")]));
        assert_eq!(policy.own_names, [pattern("gateway.example")]);
        let blocks = ["10.0.0.0/8", "fd00::/8"].map(|block| Cidr::parse(block).unwrap());
        assert_eq!(policy.addresses, blocks);
        let rules = settings.rules(policy.clone());
        assert_eq!((rules.callbacks, rules.callback_event_bytes), (Some(policy), 1_024));
    }

    #[test]
    fn a_queue_without_one_for_dead_letters_is_a_mistake() {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/callbacks";
        for (given, missing) in [("queue", "dead_letters"), ("dead_letters", "queue")] {
            let text = format!("[callback]\n{given} = \"{url}\"");
            let file = SourceFile { name: "stayput.toml".to_owned(), text };
            let sources = Sources { file: Some(file), ..Default::default() };
            let told = Config::check(&sources).unwrap_err().to_string();
            assert!(told.contains(&format!("without {missing} is no use")), "{told}");
        }
    }

    #[test]
    fn an_address_inside_another_is_not_taken_for_a_plain_one() {
        for text in ["::ffff:10.0.0.0/104", "64:ff9b::/96", "2002::/16", "::10.0.0.1", "2001::/32"] {
            let told = blocks(text).expect_err(text);
            assert!(told.contains("write the plain addresses"), "{told}");
        }
        for text in ["", "10.0.0.1", "0.0.0.0/0", "::1", "fd00:ec2::/32,192.168.0.0/16", "::ffff:0:0/0"] {
            assert_eq!(blocks(text).is_ok(), !text.starts_with("::f"), "{text}");
        }
    }
}
