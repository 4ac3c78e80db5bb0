data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  arn     = "arn:${data.aws_partition.current.partition}"
  objects = var.prefix == "" ? "*" : "${var.prefix}/*"

  # Beginnings of keys: of the chains' objects, and of the packs.
  archive = "${var.prefix == "" ? "" : "${var.prefix}/"}cluster="
  packs   = var.packs_prefix != null ? var.packs_prefix : var.prefix == "" ? "packs" : "${var.prefix}-packs"

  # The genesis of a chain is one seal of at most 64 KiB. Its key differs from the others' in the middle (…/date=1970-01-01/…), where no filter
  # of S3 looks, and the writer sets no tags: so the size tells it apart.
  exempt_bytes = 131072

  make_role = var.writer_irsa != null || var.writer_pod_identity != null || var.writer_instance_profile
  writer_arns = concat(
    aws_iam_role.writer[*].arn,
    aws_iam_user.writer[*].arn,
    var.extra_writer_arns,
  )
  # Without a packer nobody marks or puts packs: those who may already change everything stand in its place.
  packer_arns = var.packing ? aws_iam_role.packer[*].arn : var.admin_role_arns
}

# The archive

resource "aws_s3_bucket" "archive" {
  bucket              = var.bucket
  object_lock_enabled = true
  tags                = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "archive" {
  bucket = aws_s3_bucket_versioning.archive.bucket

  rule {
    default_retention {
      mode = var.retention_mode
      days = var.retention_days
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

# By age it only moves: an expiration would hide objects under delete markers while their lock holds, and destroy them after. What expires is
# what the packer marked, and no genesis ever is.
resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  count  = length(var.transitions) > 0 || var.packing ? 1 : 0
  bucket = aws_s3_bucket_versioning.archive.bucket

  dynamic "rule" {
    for_each = length(var.transitions) > 0 ? [true] : []

    content {
      id     = "colder"
      status = "Enabled"

      filter {
        object_size_greater_than = local.exempt_bytes
      }

      dynamic "transition" {
        for_each = var.transitions

        content {
          days          = transition.value.days
          storage_class = transition.value.storage_class
        }
      }
    }
  }

  # The days count from the upload. First a marker, then, a day later, the version beneath it; S3 destroys none that is locked.
  dynamic "rule" {
    for_each = var.packing ? [true] : []

    content {
      id     = "packed"
      status = "Enabled"

      filter {
        and {
          prefix = local.archive
          tags   = { auditseal-packed = "true" }
        }
      }

      expiration {
        days = coalesce(var.packed_expire_days, var.retention_days)
      }

      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  # What is left of an object then: a marker that hides nothing. A rule with a tag can't take it.
  dynamic "rule" {
    for_each = var.packing ? [true] : []

    content {
      id     = "markers-that-hide-nothing"
      status = "Enabled"

      filter {
        prefix = local.archive
      }

      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.packed_expire_days == null ? true : var.packed_expire_days >= var.retention_days
      error_message = "packed_expire_days before retention_days would only hide locked objects: nothing is saved until their lock ends."
    }
  }
}

resource "aws_s3_bucket_logging" "archive" {
  bucket        = aws_s3_bucket.archive.id
  target_bucket = var.log_bucket == null ? aws_s3_bucket_policy.log[0].bucket : var.log_bucket
  target_prefix = "${var.bucket}/"
}

# Last of all: from here on only the admin roles can change any of the above.
resource "aws_s3_bucket_policy" "archive" {
  bucket = aws_s3_bucket.archive.id
  policy = templatefile("${path.module}/policies/bucket.json", {
    bucket_arn  = aws_s3_bucket.archive.arn
    archive     = local.archive
    packs       = local.packs
    writer_arns = jsonencode(concat(local.writer_arns, aws_iam_role.packer[*].arn))
    packer_arns = jsonencode(local.packer_arns)
    admin_arns  = jsonencode(var.admin_role_arns)
  })

  depends_on = [
    aws_s3_bucket_lifecycle_configuration.archive,
    aws_s3_bucket_logging.archive,
    aws_s3_bucket_object_lock_configuration.archive,
    aws_s3_bucket_ownership_controls.archive,
    aws_s3_bucket_public_access_block.archive,
    aws_s3_bucket_replication_configuration.archive,
    aws_s3_bucket_server_side_encryption_configuration.archive,
  ]

  lifecycle {
    precondition {
      condition     = length(local.writer_arns) > 0
      error_message = "Nobody could write: set writer_irsa, writer_pod_identity, writer_instance_profile, writer_user or extra_writer_arns."
    }
  }
}

# The access log

resource "aws_s3_bucket" "log" {
  count  = var.log_bucket == null ? 1 : 0
  bucket = "${substr(var.bucket, 0, 56)}-access"
  tags   = var.tags
}

resource "aws_s3_bucket_versioning" "log" {
  count  = length(aws_s3_bucket.log)
  bucket = aws_s3_bucket.log[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "log" {
  count                   = length(aws_s3_bucket.log)
  bucket                  = aws_s3_bucket.log[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "log" {
  count  = length(aws_s3_bucket.log)
  bucket = aws_s3_bucket_versioning.log[0].bucket

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_retention_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
}

resource "aws_s3_bucket_policy" "log" {
  count  = length(aws_s3_bucket.log)
  bucket = aws_s3_bucket.log[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "LogService"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.log[0].arn}/${var.bucket}/*"
        Condition = {
          ArnLike      = { "aws:SourceArn" = aws_s3_bucket.archive.arn }
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.log[0].arn, "${aws_s3_bucket.log[0].arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.log]
}
