//! The properties of a function: those acted on, those known, and what `Globals` adds to them.

use super::{
    document::Kind,
    tree::{Entry, Node, Value},
};

/// What is done about a property.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    ActedOn,
    /// Nothing that a function could notice here: words about it, the processor of another machine, rights that nobody checks, traces
    /// that nobody records.
    Neutral,
    /// Known, and deliberately without effect here.
    Noted,
    Unknown,
}

pub(super) fn role(kind: Kind<'_>, name: &str) -> Role {
    if acted_on(kind).contains(&name) {
        Role::ActedOn
    } else if !matches!(kind, Kind::Other(_)) && NEUTRAL.contains(&name) {
        Role::Neutral
    } else if noted(kind).contains(&name) {
        Role::Noted
    } else {
        Role::Unknown
    }
}

pub(super) fn known(kind: Kind<'_>) -> impl Iterator<Item = &'static str> {
    acted_on(kind).iter().chain(NEUTRAL).chain(noted(kind)).copied()
}

/// SAM's merge of `Globals.Function` and a function's own properties: maps entry by entry, lists one after the other,
/// anything else (an intrinsic, too) is the function's own.
pub(super) fn merge(global: &[Entry], own: &[Entry]) -> Vec<Entry> {
    let mut merged = global.to_vec();
    for entry in own {
        match merged.iter_mut().find(|known| known.key == entry.key) {
            None => merged.push(entry.clone()),
            Some(known) => {
                known.place = entry.place;
                known.value = merge_values(&known.value, &entry.value);
            }
        }
    }
    merged
}

fn merge_values(global: &Node, own: &Node) -> Node {
    let value = match (&global.value, &own.value) {
        (Value::Map(left), Value::Map(right))
            if global.intrinsic().is_none() && own.intrinsic().is_none() =>
        {
            Value::Map(merge(left, right))
        }
        (Value::List(left), Value::List(right)) => Value::List(left.iter().chain(right).cloned().collect()),
        _ => own.value.clone(),
    };
    Node { value, place: own.place }
}

fn acted_on(kind: Kind<'_>) -> &'static [&'static str] {
    match kind {
        Kind::ServerlessFunction => &[
            "AutoPublishAlias",
            "CodeUri",
            "DeadLetterQueue",
            "DurableConfig",
            "Environment",
            "EventInvokeConfig",
            "FunctionName",
            "FunctionUrlConfig",
            "Handler",
            "ImageUri",
            "InlineCode",
            "MemorySize",
            "PackageType",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "Runtime",
            "Timeout",
        ],
        Kind::LambdaFunction => &[
            "Code",
            "DeadLetterConfig",
            "DurableConfig",
            "Environment",
            "FunctionName",
            "Handler",
            "MemorySize",
            "PackageType",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "Runtime",
            "Timeout",
        ],
        Kind::Other(_) => &[],
    }
}

fn noted(kind: Kind<'_>) -> &'static [&'static str] {
    match kind {
        // Source: SAM developer guide, "AWS::Serverless::Function", properties.
        Kind::ServerlessFunction => &[
            "CapacityProviderConfig",
            "CodeSigningConfigArn",
            "DeploymentPreference",
            "EphemeralStorage",
            "Events",
            "FileSystemConfigs",
            "FunctionScalingConfig",
            "ImageConfig",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "ProvisionedConcurrencyConfig",
            "PublishToLatestPublished",
            "RuntimeManagementConfig",
            "SnapStart",
            "SourceKMSKeyArn",
            "TenancyConfig",
            "VersionDeletionPolicy",
            "VpcConfig",
        ],
        // Source: CloudFormation resource reference, "AWS::Lambda::Function", properties.
        Kind::LambdaFunction => &[
            "CapacityProviderConfig",
            "CodeSigningConfigArn",
            "EphemeralStorage",
            "FileSystemConfigs",
            "FunctionScalingConfig",
            "ImageConfig",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "PublishToLatestPublished",
            "RuntimeManagementConfig",
            "SnapStart",
            "TenancyConfig",
            "VpcConfig",
        ],
        Kind::Other(_) => &[],
    }
}

const NEUTRAL: &[&str] = &[
    "Architectures",
    "AssumeRolePolicyDocument",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "Description",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "Role",
    "RolePath",
    "Tags",
    "Tracing",
    "TracingConfig",
    "VersionDescription",
];

/// What a resource may say beside its properties. Source: CloudFormation user guide, "Resource attributes"; SAM's own.
pub(super) const ATTRIBUTES: &[&str] = &[
    "Condition",
    "Connectors",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Description",
    "IgnoreGlobals",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];
