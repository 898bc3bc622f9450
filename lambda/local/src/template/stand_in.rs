//! Plausible names and ARNs for resources that are not functions, so that a function which only passes them on still starts.

use super::parameters::{ACCOUNT, REGION};

/// What is said in place of one type of resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct StandIn {
    kind: &'static str,
    /// The property that names such a resource.
    pub(super) name_property: &'static str,
    /// What `Ref` gives; `{}` is the name.
    reference: &'static str,
    /// What `Fn::GetAtt` gives beside the name.
    attributes: &'static [(&'static str, &'static str)],
}

impl StandIn {
    pub(super) fn of(kind: &str) -> Self {
        *KNOWN.iter().find(|known| known.kind == kind).unwrap_or(&OTHER)
    }

    /// Whether such an attribute is no stand-in: the embedded Lambda has queues by these names and ARNs.
    pub(super) fn is_here(kind: &str, attribute: &str) -> bool {
        kind == SQS_QUEUE && matches!(attribute, "Arn" | "QueueName")
    }

    pub(super) fn reference(self, name: &str) -> String {
        fill(self.reference, name)
    }

    /// `None`: not an attribute whose value could be guessed.
    pub(super) fn attribute(self, attribute: &str, name: &str) -> Option<String> {
        let known = self.attributes.iter().find(|(known, _)| *known == attribute);
        known.map(|(_, pattern)| fill(pattern, name))
    }
}

fn fill(pattern: &str, name: &str) -> String {
    pattern.replace("{account}", ACCOUNT).replace("{region}", REGION).replace("{}", name)
}

/// A type whose resources exist here, as queues that destinations and dead letters go to.
pub(super) const SQS_QUEUE: &str = "AWS::SQS::Queue";

/// Source: CloudFormation resource reference, "Return values" of each type.
const KNOWN: &[StandIn] = &[
    StandIn {
        kind: "AWS::DynamoDB::Table",
        name_property: "TableName",
        reference: "{}",
        attributes: &[
            ("Arn", "arn:aws:dynamodb:{region}:{account}:table/{}"),
            ("StreamArn", "arn:aws:dynamodb:{region}:{account}:table/{}/stream/2000-01-01T00:00:00.000"),
        ],
    },
    StandIn {
        kind: "AWS::Events::EventBus",
        name_property: "Name",
        reference: "{}",
        attributes: &[("Arn", "arn:aws:events:{region}:{account}:event-bus/{}"), ("Name", "{}")],
    },
    StandIn {
        kind: "AWS::IAM::Role",
        name_property: "RoleName",
        reference: "{}",
        attributes: &[("Arn", "arn:aws:iam::{account}:role/{}")],
    },
    StandIn {
        kind: "AWS::KMS::Key",
        name_property: "KeyId",
        reference: "{}",
        attributes: &[("Arn", "arn:aws:kms:{region}:{account}:key/{}"), ("KeyId", "{}")],
    },
    StandIn {
        kind: "AWS::Kinesis::Stream",
        name_property: "Name",
        reference: "{}",
        attributes: &[("Arn", "arn:aws:kinesis:{region}:{account}:stream/{}")],
    },
    StandIn {
        kind: "AWS::Logs::LogGroup",
        name_property: "LogGroupName",
        reference: "{}",
        attributes: &[("Arn", "arn:aws:logs:{region}:{account}:log-group:{}:*")],
    },
    StandIn {
        kind: "AWS::S3::Bucket",
        name_property: "BucketName",
        reference: "{}",
        attributes: &[("Arn", "arn:aws:s3:::{}"), ("DomainName", "{}.s3.amazonaws.com")],
    },
    StandIn {
        kind: "AWS::SNS::Topic",
        name_property: "TopicName",
        reference: "arn:aws:sns:{region}:{account}:{}",
        attributes: &[("TopicArn", "arn:aws:sns:{region}:{account}:{}"), ("TopicName", "{}")],
    },
    StandIn {
        kind: SQS_QUEUE,
        name_property: "QueueName",
        reference: "https://sqs.{region}.amazonaws.com/{account}/{}",
        attributes: &[
            ("Arn", "arn:aws:sqs:{region}:{account}:{}"),
            ("QueueName", "{}"),
            ("QueueUrl", "https://sqs.{region}.amazonaws.com/{account}/{}"),
        ],
    },
    StandIn { kind: "AWS::SSM::Parameter", name_property: "Name", reference: "{}", attributes: &[] },
    StandIn {
        kind: "AWS::SecretsManager::Secret",
        name_property: "Name",
        reference: "arn:aws:secretsmanager:{region}:{account}:secret:{}",
        attributes: &[("Id", "arn:aws:secretsmanager:{region}:{account}:secret:{}")],
    },
    StandIn {
        kind: "AWS::Serverless::SimpleTable",
        name_property: "TableName",
        reference: "{}",
        attributes: &[("Arn", "arn:aws:dynamodb:{region}:{account}:table/{}")],
    },
    StandIn { kind: "AWS::Serverless::StateMachine", ..STATE_MACHINE },
    STATE_MACHINE,
];

const STATE_MACHINE: StandIn = StandIn {
    kind: "AWS::StepFunctions::StateMachine",
    name_property: "StateMachineName",
    reference: "arn:aws:states:{region}:{account}:stateMachine:{}",
    attributes: &[("Arn", "arn:aws:states:{region}:{account}:stateMachine:{}"), ("Name", "{}")],
};

/// A type that is not in the table: its logical id stands for it, and nothing else is known.
const OTHER: StandIn = StandIn { kind: "", name_property: "", reference: "{}", attributes: &[] };
