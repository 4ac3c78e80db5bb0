# Who packs: it reads the archive, puts packs beside it, and marks what is in them. It deletes nothing, and puts nothing into the archive.

resource "aws_iam_role" "packer" {
  count       = var.packing ? 1 : 0
  name        = "${var.name}-packer"
  description = "The packer: reads the archive, puts packs, marks what is packed."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      var.packer_irsa == null ? [] : [{
        Effect    = "Allow"
        Principal = { Federated = var.packer_irsa.oidc_provider_arn }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "${local.packer_issuer}:aud" = "sts.amazonaws.com"
            "${local.packer_issuer}:sub" = [for name in var.packer_irsa.service_accounts : "system:serviceaccount:${replace(name, "/", ":")}"]
          }
        }
      }],
      [for trust in [local.pod_identity_trust] : trust if var.packer_pod_identity != null],
      length(var.packer_principal_arns) == 0 ? [] : [{
        Effect    = "Allow"
        Principal = { AWS = var.packer_principal_arns }
        Action    = "sts:AssumeRole"
      }],
    )
  })
  tags = var.tags

  lifecycle {
    precondition {
      condition     = var.packer_irsa != null || var.packer_pod_identity != null || length(var.packer_principal_arns) > 0
      error_message = "Nobody could pack: set packer_irsa, packer_pod_identity or packer_principal_arns."
    }

    precondition {
      condition     = !startswith("${local.packs}/", local.archive) && (var.prefix == "" || !startswith("${local.packs}/", "${var.prefix}/"))
      error_message = "The packs would lie within the archive: give them a packs_prefix beside it."
    }
  }
}

resource "aws_iam_policy" "packer" {
  count       = var.packing ? 1 : 0
  name        = "${var.name}-packer"
  description = "Reads every version in ${var.bucket}, puts below ${local.packs}/ alone, and marks versions of the archive as packed; deletes and unlocks nothing."
  policy = templatefile("${path.module}/policies/packer.json", {
    bucket_arn = aws_s3_bucket.archive.arn
    archive    = local.archive
    packs      = local.packs
  })
  tags = var.tags
}

# A put that asks for a lock needs the right to set one.
resource "aws_iam_policy" "packer_retention" {
  count       = var.packing && var.packs_retention_days != null ? 1 : 0
  name        = "${var.name}-packer-retention"
  description = "Locks packs for at most ${coalesce(var.packs_retention_days, 0)} days."
  policy = templatefile("${path.module}/policies/packer-retention.json", {
    bucket_arn = aws_s3_bucket.archive.arn
    packs      = local.packs
    mode       = var.retention_mode
    days       = coalesce(var.packs_retention_days, 0) + 1
  })
  tags = var.tags
}

resource "aws_iam_policy" "packer_kms" {
  count       = var.packing && var.kms_key_arn != null ? 1 : 0
  name        = "${var.name}-packer-kms"
  description = "Lets S3 use the archive's key for the packer."
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [merge(local.kms_statement, { Action = ["kms:GenerateDataKey", "kms:Decrypt"] })]
  })
  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "packer" {
  for_each = {
    for what, policy in {
      pack      = aws_iam_policy.packer
      retention = aws_iam_policy.packer_retention
      kms       = aws_iam_policy.packer_kms
    } : what => policy[0].arn if length(policy) > 0
  }
  role       = aws_iam_role.packer[0].name
  policy_arn = each.value
}

resource "aws_eks_pod_identity_association" "packer" {
  count           = var.packing && var.packer_pod_identity != null ? 1 : 0
  cluster_name    = var.packer_pod_identity.cluster_name
  namespace       = var.packer_pod_identity.namespace
  service_account = var.packer_pod_identity.service_account
  role_arn        = aws_iam_role.packer[0].arn
  tags            = var.tags
}
