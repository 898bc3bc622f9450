//! What a template says about asynchronous events.

use super::{check_mistakes, only_function, read, with_function};
use crate::function::{EventInvokeConfig, FunctionEvents, RecursiveLoop};

fn sqs(name: &str) -> Option<String> {
    Some(format!("arn:aws:sqs:us-east-1:000000000000:{name}"))
}

#[test]
fn everything_is_read() {
    let function = only_function(&with_function(
        "      RecursiveLoop: Allow
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        MaximumEventAgeInSeconds: 60
        DestinationConfig:
          OnSuccess: {Type: SQS, Destination: !GetAtt Good.Arn}
          OnFailure: {Type: Lambda, Destination: !GetAtt F.Arn}
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Letters.Arn}
  Good: {Type: AWS::SQS::Queue}
  Letters: {Type: AWS::SQS::Queue, Properties: {QueueName: dead-letters}}
",
    ));
    let config = EventInvokeConfig {
        maximum_retry_attempts: Some(0),
        maximum_event_age_s: Some(60),
        on_success: sqs("Good"),
        on_failure: Some("arn:aws:lambda:us-east-1:000000000000:function:F".to_owned()),
    };
    let expected = FunctionEvents {
        config: Some(config),
        dead_letter: sqs("dead-letters"),
        recursive_loop: RecursiveLoop::Allow,
    };
    assert_eq!(function.events, expected);
}

#[test]
fn a_function_that_says_nothing_has_no_config() {
    assert_eq!(only_function(&with_function("")).events, FunctionEvents::default());
}

#[test]
fn queues_are_no_stand_ins_but_their_urls_are() {
    let text = with_function(
        "      Environment: {Variables: {ARN: !GetAtt Jobs.Arn}}
  Jobs: {Type: AWS::SQS::Queue}
",
    );
    assert_eq!(read(&text, &[]).unwrap().notes, []);
    let text = text.replace("!GetAtt Jobs.Arn", "!Ref Jobs");
    assert_eq!(read(&text, &[]).unwrap().notes.len(), 1);
}

#[test]
fn sam_makes_the_queue_that_nobody_names() {
    let function = only_function(&with_function(
        "      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS}}}
",
    ));
    assert_eq!(function.events.config.unwrap().on_failure, sqs("FEventInvokeConfigOnFailureQueue"));
}

#[test]
fn the_older_resource_has_a_dead_letter_config() {
    let function = only_function(
        "Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      DeadLetterConfig: {TargetArn: arn:aws:sqs:us-east-1:000000000000:q}
",
    );
    assert_eq!(function.events.dead_letter, sqs("q"));
}

#[test]
fn a_config_can_be_a_resource_of_its_own() {
    let text = with_function(
        "  Config:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref F
      Qualifier: $LATEST
      MaximumRetryAttempts: 1
      DestinationConfig: {OnSuccess: {Destination: !GetAtt Q.Arn}}
  Q: {Type: AWS::SQS::Queue}
",
    );
    let config = only_function(&text).events.config.unwrap();
    assert_eq!((config.maximum_retry_attempts, config.on_success), (Some(1), sqs("Q")));
    let other = text.replace("$LATEST", "live");
    assert_eq!(only_function(&other).events.config, None);
    let note = &read(&other, &[]).unwrap().notes[0].message;
    assert_eq!(note, "`Config` is for `live`, and only `$LATEST` is here");
    check_mistakes(
        &text.replace("MaximumRetryAttempts: 1", "MaximumRetries: 1"),
        &[
            "t.yaml:13:7: unknown entry of `AWS::Lambda::EventInvokeConfig` `MaximumRetries`; did you mean `MaximumRetryAttempts`?",
        ],
    );
}

#[test]
fn globals_are_merged_into_it() {
    let function = only_function(
        "Transform: AWS::Serverless-2016-10-31
Globals: {Function: {EventInvokeConfig: {MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 100}}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      EventInvokeConfig: {MaximumRetryAttempts: 0}
",
    );
    let config = function.events.config.unwrap();
    assert_eq!((config.maximum_retry_attempts, config.maximum_event_age_s), (Some(0), Some(100)));
}

#[test]
fn what_is_elsewhere_is_noted() {
    let text = with_function(
        "      DeadLetterQueue: {Type: SNS, TargetArn: arn:aws:sns:us-east-1:000000000000:t}
",
    );
    let notes = read(&text, &[]).unwrap().notes;
    let message = "arn:aws:sns:us-east-1:000000000000:t is not on this machine; events whose records go there are kept as dead";
    assert_eq!(notes.iter().map(|note| note.message.as_str()).collect::<Vec<_>>(), [message]);
}

#[test]
fn mistakes_have_their_places() {
    check_mistakes(
        &with_function(
            "      RecursiveLoop: Maybe
      EventInvokeConfig:
        MaximumRetryAttempts: 3
        MaximumEventAgeInSeconds: 59
        DestinationConfig:
          OnSuccess: {Type: Lambda}
          OnFailure: {Type: SQS, Destination: https://example.com/q}
      DeadLetterQueue: {Type: SQS, Target: x}
",
        ),
        &[
            "t.yaml:8:22: `RecursiveLoop` is `Allow` or `Terminate`",
            "t.yaml:10:31: `MaximumRetryAttempts` is a whole number from 0 to 2, not `3`",
            "t.yaml:11:35: `MaximumEventAgeInSeconds` is a whole number from 60 to 21600, not `59`",
            "t.yaml:13:22: `OnSuccess` has no `Destination`, which only `Type: SQS` and `SNS` may omit",
            "t.yaml:14:47: `OnFailure.Destination` is an ARN, not `https://example.com/q`",
            "t.yaml:15:36: unknown entry of `DeadLetterQueue` `Target`; did you mean `TargetArn`?",
        ],
    );
}
