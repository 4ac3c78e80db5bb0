# Who writes, and who audits. Project owners and whoever else has storage.admin can still change what isn't locked: keep them few.

locals {
  roles = merge(
    {
      writer  = yamldecode(file("${path.module}/roles/writer.yaml"))
      auditor = yamldecode(file("${path.module}/roles/auditor.yaml"))
    },
    var.packing ? {
      packer = yamldecode(file("${path.module}/roles/packer.yaml"))
      marker = yamldecode(file("${path.module}/roles/marker.yaml"))
    } : {},
  )
  # The marker is a role of the packer's, and no account.
  accounts = { for who, role in local.roles : who => role if who != "marker" }

  # Beginnings of the names that conditions compare.
  objects = "projects/_/buckets/${google_storage_bucket.archive.name}/objects/"
}

resource "google_project_iam_custom_role" "this" {
  for_each    = local.roles
  project     = var.project
  role_id     = replace("${var.name}-${each.key}", "-", "_")
  title       = each.value.title
  description = each.value.description
  stage       = each.value.stage
  permissions = each.value.includedPermissions
}

resource "google_service_account" "this" {
  for_each     = local.accounts
  project      = var.project
  account_id   = "${var.name}-${each.key}"
  display_name = each.value.title
}

resource "google_storage_bucket_iam_member" "writer" {
  bucket = google_storage_bucket.archive.name
  role   = google_project_iam_custom_role.this["writer"].id
  member = "serviceAccount:${google_service_account.this["writer"].email}"

  dynamic "condition" {
    for_each = var.packing ? [true] : []

    content {
      title       = "no packs"
      description = "The nodes' credentials put none, and read none."
      expression  = "!resource.name.startsWith(\"${local.objects}${local.packs}/\")"
    }
  }
}

resource "google_storage_bucket_iam_member" "auditor" {
  bucket = google_storage_bucket.archive.name
  role   = google_project_iam_custom_role.this["auditor"].id
  member = "serviceAccount:${google_service_account.this["auditor"].email}"
}

resource "google_storage_bucket_iam_member" "auditor_members" {
  for_each = toset(var.auditor_members)
  bucket   = google_storage_bucket.archive.name
  role     = google_project_iam_custom_role.this["auditor"].id
  member   = each.value
}

# The packer reads as the auditor does; it puts packs, and marks what is in them.
resource "google_storage_bucket_iam_member" "packer" {
  for_each = var.packing ? {
    auditor = null
    packer  = "resource.name.startsWith(\"${local.objects}${local.packs}/\")"
    marker  = "resource.name.startsWith(\"${local.objects}${local.archive}\") && resource.name.extract(\"/date={date}/\") != \"1970-01-01\""
  } : {}
  bucket = google_storage_bucket.archive.name
  role   = google_project_iam_custom_role.this[each.key].id
  member = "serviceAccount:${google_service_account.this["packer"].email}"

  dynamic "condition" {
    for_each = each.value == null ? [] : [each.value]

    content {
      title       = each.key == "packer" ? "packs alone" : "the archive but its geneses"
      description = "Nobody else has this right."
      expression  = condition.value
    }
  }
}

resource "google_service_account_iam_member" "packer" {
  for_each           = toset(var.packing ? var.packer_workload_identity : [])
  service_account_id = google_service_account.this["packer"].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.pool}[${each.value}]"
}

resource "google_service_account_iam_member" "writer" {
  for_each           = toset(var.writer_workload_identity)
  service_account_id = google_service_account.this["writer"].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.pool}[${each.value}]"
}

resource "google_service_account_iam_member" "auditor" {
  for_each           = toset(var.auditor_workload_identity)
  service_account_id = google_service_account.this["auditor"].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.pool}[${each.value}]"
}
