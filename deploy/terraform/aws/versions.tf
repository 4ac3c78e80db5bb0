terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # From 6.0 on a resource can say its region: the replica needs no second provider.
      version = ">= 6.0, < 7.0"
    }
  }
}
