//! The action names a policy document may use; a document with any other is refused whole.

/// Actions on buckets and objects.
pub const S3: &str = "AbortMultipartUpload BypassGovernanceRetention CreateBucket DeleteBucket \
DeleteBucketCors DeleteBucketPolicy DeleteObject DeleteObjectTagging DeleteObjectVersion \
DeleteObjectVersionTagging ForceDeleteBucket GetBucketCors GetBucketLocation \
GetBucketNotification GetBucketObjectLockConfiguration GetBucketPolicy GetBucketPolicyStatus \
GetBucketTagging GetBucketVersioning GetEncryptionConfiguration GetLifecycleConfiguration \
GetObject GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging \
GetObjectVersion GetObjectVersionAttributes GetObjectVersionForReplication \
GetObjectVersionTagging GetReplicationConfiguration HeadBucket ListAllMyBuckets ListBucket \
ListBucketMultipartUploads ListBucketVersions ListMultipartUploadParts ListenBucketNotification \
ListenNotification PutBucketCors PutBucketNotification PutBucketObjectLockConfiguration \
PutBucketPolicy PutBucketTagging PutBucketVersioning PutEncryptionConfiguration \
PutLifecycleConfiguration PutObject PutObjectFanOut PutObjectLegalHold PutObjectRetention \
PutObjectTagging PutObjectVersionTagging PutReplicationConfiguration ReplicateDelete \
ReplicateObject ReplicateTags ResetBucketReplicationState RestoreObject";

/// Actions on the server.
pub const ADMIN: &str = "AddUserToGroup AttachUserOrGroupPolicy BandwidthMonitor CancelBatchJob \
ClusterInfo ConfigUpdate ConsoleLog CreatePolicy CreateServiceAccount CreateUser DataUsageInfo \
Decommission DeletePolicy DeleteUser DescribeBatchJob DisableGroup DisableUser DriveInfo \
EnableGroup EnableUser ExportBucketMetadata ExportIAM ForceUnlock GenerateBatchJob \
GetBucketQuota GetBucketTarget GetGroup GetPolicy GetUser Heal ImportBucketMetadata ImportIAM \
InspectData KMSCreateKey KMSKeyStatus LicenseInfo ListBatchJobs ListGroups ListServiceAccounts \
ListTemporaryAccounts ListTier ListUserPolicies ListUsers OBDInfo PoolInfo PoolList Profiling \
Prometheus Rebalance RemoveServiceAccount RemoveUserFromGroup ReplicationDiff ServerInfo \
ServerTrace ServerUpdate ServiceFreeze ServiceRestart ServiceStop SetBucketQuota \
SetBucketTarget SetInfo SetTier SiteReplicationAdd SiteReplicationDisable SiteReplicationInfo \
SiteReplicationOperation SiteReplicationRemove SiteReplicationResync StartBatchJob StorageInfo \
TopLocksInfo UpdatePolicyAssociation UpdateServiceAccount";

/// Whether a pattern (`s3:Get*`) means at least one known action.
pub fn is_known(pattern: &str) -> bool {
    let known = match pattern.split_once(':') {
        Some(("s3", rest)) => (S3, rest),
        Some(("admin", rest)) => (ADMIN, rest),
        Some(("kms" | "sts", _)) => return true,
        _ => return pattern == "*",
    };
    let (names, rest) = known;
    let mut names = names.split_whitespace();
    names.any(|name| super::policy::matches(rest, name))
}
