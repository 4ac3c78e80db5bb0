# A locked copy in a second region. Replication carries each object's own retention over; the copy's default covers the rest.

resource "aws_s3_bucket" "replica" {
  count               = var.replica == null ? 0 : 1
  region              = var.replica.region
  bucket              = var.replica.bucket
  object_lock_enabled = true
  tags                = var.tags

  lifecycle {
    prevent_destroy = true

    precondition {
      condition     = (var.kms_key_arn == null) == (var.replica.kms_key_arn == null)
      error_message = "Give a KMS key for both regions or for none."
    }
  }
}

resource "aws_s3_bucket_versioning" "replica" {
  count  = length(aws_s3_bucket.replica)
  region = var.replica.region
  bucket = aws_s3_bucket.replica[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "replica" {
  count  = length(aws_s3_bucket.replica)
  region = var.replica.region
  bucket = aws_s3_bucket_versioning.replica[0].bucket

  rule {
    default_retention {
      mode = var.retention_mode
      days = var.retention_days
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "replica" {
  count  = length(aws_s3_bucket.replica)
  region = var.replica.region
  bucket = aws_s3_bucket.replica[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "replica" {
  count                   = length(aws_s3_bucket.replica)
  region                  = var.replica.region
  bucket                  = aws_s3_bucket.replica[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "replica" {
  count  = length(aws_s3_bucket.replica)
  region = var.replica.region
  bucket = aws_s3_bucket.replica[0].id

  rule {
    bucket_key_enabled = var.replica.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.replica.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.replica.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_policy" "replica" {
  count  = length(aws_s3_bucket.replica)
  region = var.replica.region
  bucket = aws_s3_bucket.replica[0].id
  policy = templatefile("${path.module}/policies/replica.json", {
    bucket_arn      = aws_s3_bucket.replica[0].arn
    replication_arn = aws_iam_role.replication[0].arn
    admin_arns      = jsonencode(var.admin_role_arns)
  })

  depends_on = [
    aws_s3_bucket_object_lock_configuration.replica,
    aws_s3_bucket_ownership_controls.replica,
    aws_s3_bucket_public_access_block.replica,
    aws_s3_bucket_server_side_encryption_configuration.replica,
  ]
}

resource "aws_iam_role" "replication" {
  count       = length(aws_s3_bucket.replica)
  name        = "${var.name}-replication"
  description = "S3 copies ${var.bucket} to ${var.replica.bucket}."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "replication" {
  count = length(aws_s3_bucket.replica)
  name  = "replicate"
  role  = aws_iam_role.replication[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Effect   = "Allow"
          Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
          Resource = aws_s3_bucket.archive.arn
        },
        {
          Effect = "Allow"
          Action = [
            "s3:GetObjectVersionForReplication",
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionTagging",
            "s3:GetObjectRetention",
            "s3:GetObjectLegalHold",
          ]
          Resource = "${aws_s3_bucket.archive.arn}/*"
        },
        {
          Effect   = "Allow"
          Action   = ["s3:ReplicateObject", "s3:ReplicateTags"]
          Resource = "${aws_s3_bucket.replica[0].arn}/*"
        },
      ],
      var.kms_key_arn == null ? [] : [
        {
          Effect   = "Allow"
          Action   = ["kms:Decrypt"]
          Resource = [var.kms_key_arn]
        },
        {
          Effect   = "Allow"
          Action   = ["kms:Encrypt", "kms:GenerateDataKey"]
          Resource = [var.replica.kms_key_arn]
        },
      ],
    )
  })
}

resource "aws_s3_bucket_replication_configuration" "archive" {
  count  = length(aws_s3_bucket.replica)
  bucket = aws_s3_bucket_versioning.archive.bucket
  role   = aws_iam_role.replication[0].arn

  rule {
    id     = "copy"
    status = "Enabled"

    filter {}

    # A marker that hides the original must not hide the copy.
    delete_marker_replication {
      status = "Disabled"
    }

    dynamic "source_selection_criteria" {
      for_each = var.kms_key_arn == null ? [] : [true]

      content {
        sse_kms_encrypted_objects {
          status = "Enabled"
        }
      }
    }

    destination {
      bucket        = aws_s3_bucket.replica[0].arn
      storage_class = "STANDARD"

      dynamic "encryption_configuration" {
        for_each = var.kms_key_arn == null ? [] : [true]

        content {
          replica_kms_key_id = var.replica.kms_key_arn
        }
      }
    }
  }

  depends_on = [
    aws_s3_bucket_policy.replica,
    aws_s3_bucket_versioning.replica,
    aws_iam_role_policy.replication,
  ]
}
