variable "office" {
  type        = list(string)
  description = "Addresses that images are pulled from"
}

resource "aws_ecr_repository" "app" {
  name = "team/app"
}

resource "aws_ecr_repository_policy" "app" {
  repository = aws_ecr_repository.app.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OfficeOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "ecr:*"
        Condition = {
          NotIpAddress = { "aws:SourceIp" = var.office }
        }
      },
    ]
  })
}
