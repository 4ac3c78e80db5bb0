output "store" {
  description = "What to give auditseal as --store."
  value       = "s3://${aws_s3_bucket.archive.id}${var.prefix == "" ? "" : "/${var.prefix}"}"
}

output "bucket_arn" {
  description = "ARN of the archive's bucket."
  value       = aws_s3_bucket.archive.arn
}

output "region" {
  description = "Region of the bucket, for --region or AWS_REGION."
  value       = aws_s3_bucket.archive.region
}

output "writer_role_arn" {
  description = "ARN of the writer's role, for the service account's annotation or AWS_ROLE_ARN; null without one."
  value       = one(aws_iam_role.writer[*].arn)
}

output "writer_policy_arn" {
  description = "ARN of the writer's policy."
  value       = aws_iam_policy.writer.arn
}

output "writer_instance_profile" {
  description = "Name of the instance profile for the nodes; null without one."
  value       = one(aws_iam_instance_profile.writer[*].name)
}

output "writer_user" {
  description = "Name of the writer's user, to make an access key for; null without one."
  value       = one(aws_iam_user.writer[*].name)
}

output "auditor_role_arn" {
  description = "ARN of the auditor's role; null without one."
  value       = one(aws_iam_role.auditor[*].arn)
}

output "auditor_policy_arn" {
  description = "ARN of the auditor's policy."
  value       = aws_iam_policy.auditor.arn
}

output "packs" {
  description = "What to give auditseal as --packs."
  value       = "s3://${aws_s3_bucket.archive.id}/${local.packs}"
}

output "packer_role_arn" {
  description = "ARN of the packer's role; null without one."
  value       = one(aws_iam_role.packer[*].arn)
}

output "log_bucket" {
  description = "Bucket that holds the access log."
  value       = aws_s3_bucket_logging.archive.target_bucket
}

output "replica_bucket_arn" {
  description = "ARN of the copy; null without one."
  value       = one(aws_s3_bucket.replica[*].arn)
}
