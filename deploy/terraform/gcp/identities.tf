# Who writes, and who audits. Project owners and whoever else has storage.admin can still change what isn't locked: keep them few.

locals {
  roles = {
    writer  = yamldecode(file("${path.module}/roles/writer.yaml"))
    auditor = yamldecode(file("${path.module}/roles/auditor.yaml"))
  }
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
  for_each     = local.roles
  project      = var.project
  account_id   = "${var.name}-${each.key}"
  display_name = each.value.title
}

resource "google_storage_bucket_iam_member" "writer" {
  bucket = google_storage_bucket.archive.name
  role   = google_project_iam_custom_role.this["writer"].id
  member = "serviceAccount:${google_service_account.this["writer"].email}"
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
