# Who writes, and who audits. Who packs is in packer.tf.

locals {
  issuer        = var.writer_irsa == null ? "" : split("oidc-provider/", var.writer_irsa.oidc_provider_arn)[1]
  packer_issuer = var.packer_irsa == null ? "" : split("oidc-provider/", var.packer_irsa.oidc_provider_arn)[1]

  pod_identity_trust = {
    Effect    = "Allow"
    Principal = { Service = "pods.eks.amazonaws.com" }
    Action    = ["sts:AssumeRole", "sts:TagSession"]
  }

  kms_statement = {
    Effect   = "Allow"
    Resource = coalesce(var.kms_key_arn, "*")
    Condition = {
      StringLike = { "kms:ViaService" = "s3.*.amazonaws.com" }
    }
  }
}

resource "aws_iam_policy" "writer" {
  name        = "${var.name}-writer"
  description = "Puts objects into ${var.bucket}, reads them back, and reads how they are locked; deletes and unlocks nothing."
  policy = templatefile("${path.module}/policies/writer.json", {
    bucket_arn = aws_s3_bucket.archive.arn
    objects    = local.objects
  })
  tags = var.tags
}

resource "aws_iam_policy" "auditor" {
  name        = "${var.name}-auditor"
  description = "Reads every version of every object in ${var.bucket}, and the bucket's settings."
  policy = templatefile("${path.module}/policies/auditor.json", {
    bucket_arn = aws_s3_bucket.archive.arn
    objects    = local.objects
    packs      = local.packs
  })
  tags = var.tags
}

resource "aws_iam_policy" "writer_kms" {
  count       = var.kms_key_arn == null ? 0 : 1
  name        = "${var.name}-writer-kms"
  description = "Lets S3 use the archive's key for the writer."
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [merge(local.kms_statement, { Action = ["kms:GenerateDataKey", "kms:Decrypt"] })]
  })
  tags = var.tags
}

resource "aws_iam_policy" "auditor_kms" {
  count       = var.kms_key_arn == null ? 0 : 1
  name        = "${var.name}-auditor-kms"
  description = "Lets S3 use the archive's key for the auditor."
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [merge(local.kms_statement, { Action = ["kms:Decrypt"] })]
  })
  tags = var.tags
}

# The writer

resource "aws_iam_role" "writer" {
  count       = local.make_role ? 1 : 0
  name        = "${var.name}-writer"
  description = "auditseal on control-plane nodes."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      var.writer_irsa == null ? [] : [{
        Effect    = "Allow"
        Principal = { Federated = var.writer_irsa.oidc_provider_arn }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "${local.issuer}:aud" = "sts.amazonaws.com"
            "${local.issuer}:sub" = [for name in var.writer_irsa.service_accounts : "system:serviceaccount:${replace(name, "/", ":")}"]
          }
        }
      }],
      [for trust in [local.pod_identity_trust] : trust if var.writer_pod_identity != null],
      var.writer_instance_profile ? [{
        Effect    = "Allow"
        Principal = { Service = "ec2.amazonaws.com" }
        Action    = "sts:AssumeRole"
      }] : [],
    )
  })
  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "writer" {
  count      = length(aws_iam_role.writer)
  role       = aws_iam_role.writer[0].name
  policy_arn = aws_iam_policy.writer.arn
}

resource "aws_iam_role_policy_attachment" "writer_kms" {
  count      = local.make_role && var.kms_key_arn != null ? 1 : 0
  role       = aws_iam_role.writer[0].name
  policy_arn = aws_iam_policy.writer_kms[0].arn
}

resource "aws_eks_pod_identity_association" "writer" {
  count           = var.writer_pod_identity == null ? 0 : 1
  cluster_name    = var.writer_pod_identity.cluster_name
  namespace       = var.writer_pod_identity.namespace
  service_account = var.writer_pod_identity.service_account
  role_arn        = aws_iam_role.writer[0].arn
  tags            = var.tags
}

resource "aws_iam_instance_profile" "writer" {
  count = var.writer_instance_profile ? 1 : 0
  name  = "${var.name}-writer"
  role  = aws_iam_role.writer[0].name
  tags  = var.tags
}

resource "aws_iam_user" "writer" {
  count = var.writer_user ? 1 : 0
  name  = "${var.name}-writer"
  tags  = var.tags
}

resource "aws_iam_user_policy_attachment" "writer" {
  count      = length(aws_iam_user.writer)
  user       = aws_iam_user.writer[0].name
  policy_arn = aws_iam_policy.writer.arn
}

resource "aws_iam_user_policy_attachment" "writer_kms" {
  count      = var.writer_user && var.kms_key_arn != null ? 1 : 0
  user       = aws_iam_user.writer[0].name
  policy_arn = aws_iam_policy.writer_kms[0].arn
}

# The auditor

resource "aws_iam_role" "auditor" {
  count       = length(var.auditor_principal_arns) > 0 || var.auditor_pod_identity != null ? 1 : 0
  name        = "${var.name}-auditor"
  description = "Reads and verifies the archive."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      length(var.auditor_principal_arns) == 0 ? [] : [{
        Effect    = "Allow"
        Principal = { AWS = var.auditor_principal_arns }
        Action    = "sts:AssumeRole"
      }],
      [for trust in [local.pod_identity_trust] : trust if var.auditor_pod_identity != null],
    )
  })
  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "auditor" {
  count      = length(aws_iam_role.auditor)
  role       = aws_iam_role.auditor[0].name
  policy_arn = aws_iam_policy.auditor.arn
}

resource "aws_iam_role_policy_attachment" "auditor_kms" {
  count      = length(aws_iam_role.auditor) * length(aws_iam_policy.auditor_kms)
  role       = aws_iam_role.auditor[0].name
  policy_arn = aws_iam_policy.auditor_kms[0].arn
}

resource "aws_eks_pod_identity_association" "auditor" {
  count           = var.auditor_pod_identity == null ? 0 : 1
  cluster_name    = var.auditor_pod_identity.cluster_name
  namespace       = var.auditor_pod_identity.namespace
  service_account = var.auditor_pod_identity.service_account
  role_arn        = aws_iam_role.auditor[0].arn
  tags            = var.tags
}
