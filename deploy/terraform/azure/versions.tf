terraform {
  required_version = ">= 1.5"

  required_providers {
    azurerm = {
      source = "hashicorp/azurerm"
      # From 4.9 on a container is made through the management interface, without the account's key.
      version = ">= 4.9, < 5.0"
    }
  }
}
