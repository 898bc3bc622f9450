//! What became of records and posts, for the metrics.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use stayput_core::delivery::Attempted;

/// Clones count into the same.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    posts: Family<Result, Counter>,
    ends: Family<Result, Counter>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Result {
    result: &'static str,
}

impl Figures {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "callback_posts",
            "Posts to callers' URLs, by what came of them",
            self.posts.clone(),
        );
        let help = "Destination records that are done with, by what became of them";
        registry.register("callback_records", help, self.ends.clone());
    }

    /// Of a post: a class of status, or why there was no answer.
    pub(super) fn attempted(&self, attempted: Attempted) {
        let result = match attempted {
            Attempted::Answered { status, .. } => match status.as_u16() / 100 {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                _ => "5xx",
            },
            Attempted::NoAnswer(why) => why.as_str(),
        };
        self.posts.get_or_create(&Result { result }).inc();
    }

    pub(super) fn ended(&self, result: &'static str) {
        self.ends.get_or_create(&Result { result }).inc();
    }
}
