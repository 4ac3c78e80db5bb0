#!/usr/bin/env bash
# Checks the Terraform modules and policies without a cloud: formatting, then types, names and conditions against the real providers' schemas
# (taken from npm packages), then what the policies came to. Takes about a minute once the tools are there.
#
#   deploy/check.sh
#
# Needs Go, Node, npm and Python. TERRAFORM names a terraform or tofu; without one in PATH, Terraform 1.5.7 is built, which takes minutes.
# Tools and results go to target/deploy-check.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/check/lib.sh"

# fails_with WORDS COMMAND…: the command must fail, and say why
fails_with() {
  local words=$1
  shift
  if "$@" >"$WORK/refusal" 2>&1 || ! grep -q -- "$words" "$WORK/refusal"; then
    cat "$WORK/refusal"
    return 1
  fi
}

for tool in go npm python3; do command -v "$tool" >/dev/null || die "$tool is needed"; done

TERRAFORM=${TERRAFORM:-$(command -v terraform || command -v tofu || echo "$WORK/bin/terraform")}
if [ ! -x "$TERRAFORM" ]; then
  note "building Terraform"
  GOBIN=$WORK/bin GOFLAGS=-mod=mod go install github.com/hashicorp/terraform@v1.5.7 >"$WORK/terraform.log" 2>&1 || { tail "$WORK/terraform.log"; die "Terraform doesn't build"; }
fi

modules=("$DEPLOY"/terraform/*/)
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_CLI_CONFIG_FILE=$WORK/terraform.rc

# The providers: the real ones' schemas, and nothing behind them.
if ! cmp -s "$DEPLOY/check/package.json" "$WORK/npm/package.json"; then
  note "getting the providers' schemas"
  rm -rf "$WORK/npm" && mkdir "$WORK/npm"
  cp "$DEPLOY/check/package.json" "$WORK/npm/new.json"
  (cd "$WORK/npm" && mv new.json package.json && npm install --ignore-scripts --legacy-peer-deps --no-audit --no-fund >../npm.log 2>&1) || { rm -f "$WORK/npm/package.json"; tail "$WORK/npm.log"; die "npm failed"; }
fi
if ! cmp -s "$DEPLOY/check/requirements.txt" "$WORK/venv/requirements.txt"; then
  note "installing Python packages"
  rm -rf "$WORK/venv" && python3 -m venv "$WORK/venv"
  "$WORK/venv/bin/pip" install --quiet --disable-pip-version-check -r "$DEPLOY/check/requirements.txt" >"$WORK/pip.log" 2>&1 || { tail "$WORK/pip.log"; die "pip failed"; }
  cp "$DEPLOY/check/requirements.txt" "$WORK/venv/"
fi
(cd "$DEPLOY/check/stub" && go build -mod=readonly -o "$WORK/stub" .)

schemas() { python3 "$DEPLOY/check/schema.py" "$WORK/npm/node_modules" "${modules[@]}" >"$WORK/schema.json"; }
check "every type of resource is one of its provider" schemas
[ $failed = 0 ] || exit 1
{
  echo 'provider_installation {'
  echo '  dev_overrides {'
  for provider in aws azurerm google; do
    mkdir -p "$WORK/providers/$provider"
    printf '#!/bin/sh\nSTUB_SCHEMA="%s" STUB_PROVIDER=%s exec "%s"\n' "$WORK/schema.json" "$provider" "$WORK/stub" >"$WORK/providers/$provider/terraform-provider-$provider"
    chmod +x "$WORK/providers/$provider/terraform-provider-$provider"
    printf '    "hashicorp/%s" = "%s"\n' "$provider" "$WORK/providers/$provider"
  done
  echo '  }'
  echo '}'
} >"$TF_CLI_CONFIG_FILE"

# Modules are tried where nothing that Terraform leaves behind is in the way.
rm -rf "$WORK/modules" "$WORK/states" && mkdir "$WORK/modules" "$WORK/states"
cp -r "$DEPLOY/terraform/." "$WORK/modules"

apply() { # MODULE STATE ARGUMENT…
  "$TERRAFORM" -chdir="$WORK/modules/$1" apply -no-color -auto-approve -input=false -state="$WORK/states/$2" "${@:3}"
}
validate() { "$TERRAFORM" -chdir="$WORK/modules/$1" validate -no-color; }

check "formatting" "$TERRAFORM" fmt -check -recursive "$DEPLOY"
check "the tables in README.md" python3 "$DEPLOY/check/readme.py" "${modules[@]}"
for module in "${modules[@]}"; do check "$(basename "$module"): valid" validate "$(basename "$module")"; done
for case in "$DEPLOY"/check/cases/*.tfvars; do
  name=$(basename "$case" .tfvars)
  check "$name: applies" apply "${name%-*}" "$name.tfstate" -var-file="$case"
done
check "what came of it" "$WORK/venv/bin/python" "$DEPLOY/check/rendered.py" "$WORK/states"
sed 's/^/        | /' "$WORK/out" | tail -n 1

# A check that can't fail checks nothing.
least=$DEPLOY/check/cases
check "aws: no retention is refused" fails_with "1 to 36500" apply aws none -var-file="$least/aws-least.tfvars" -var=retention_days=0
check "aws: nobody who writes is refused" fails_with "Nobody could write" apply aws none -var-file="$least/aws-least.tfvars" -var=writer_user=false
check "aws: everybody as admin is refused" fails_with "without wildcards" apply aws none -var-file="$least/aws-least.tfvars" -var='admin_role_arns=["*"]'
check "aws: a packer whom nobody may be is refused" fails_with "Nobody could pack" apply aws none -var-file="$least/aws-least.tfvars" -var=packing=true
check "aws: hiding what is still locked is refused" fails_with "only hide locked objects" apply aws none -var-file="$least/aws-packs.tfvars" -var=packed_expire_days=34
check "aws: packs within the archive are refused" fails_with "within the archive" apply aws none -var-file="$least/aws-packs.tfvars" -var=prefix=k8s -var=packs_prefix=k8s/packs
check "gcp: a rule that may ask for no mark is refused" fails_with "at least 1" apply gcp none -var-file="$least/gcp-packs.tfvars" -var=packed_expire_days=0
check "azure: deleting what is still locked is refused" fails_with "refused, each day" apply azure none -var-file="$least/azure-packs.tfvars" -var=packed_expire_days=34
check "gcp: half a soft delete is refused" fails_with "0, or 7 to 90" apply gcp none -var-file="$least/gcp-least.tfvars" -var=soft_delete_days=3
check "azure: an access log without a place is refused" fails_with "nowhere to go" apply azure none -var-file="$least/azure-least.tfvars" -var=access_log=true
check "azure: an identity without issuer is refused" fails_with "oidc_issuer_url" apply azure none -var-file="$least/azure-least.tfvars" -var='writer_service_accounts=["a/b"]'
mkdir "$WORK/modules/typo" && sed 's/object_lock_enabled = true/object_lock_enable = true/' "$DEPLOY"/terraform/aws/*.tf >"$WORK/modules/typo/all.tf"
check "a misspelt argument is refused" fails_with "Unsupported argument" validate typo

if command -v "${PROMTOOL:-promtool}" >/dev/null; then
  check "alert rules, and a test for each" "$DEPLOY/prometheus/check.sh"
else
  note "no promtool (Debian's package prometheus has it): the alert rules are not tested"
fi

tally
