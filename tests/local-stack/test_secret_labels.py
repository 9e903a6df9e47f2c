"""The staging labels of a secret's versions: one version has AWSCURRENT, and it is the one that is read."""


def test_the_version_with_the_label_is_the_current_one(stack):
    secrets = stack.admin("secretsmanager")
    first = secrets.create_secret(Name="labels", SecretString="1")["VersionId"]
    second = "00000000-0000-4000-8000-000000000002"
    secrets.put_secret_value(
        SecretId="labels", SecretString="2", ClientRequestToken=second, VersionStages=["AWSPENDING"]
    )
    assert secrets.get_secret_value(SecretId="labels")["SecretString"] == "1"
    secrets.update_secret_version_stage(
        SecretId="labels", VersionStage="AWSCURRENT", RemoveFromVersionId=first, MoveToVersionId=second
    )
    assert secrets.get_secret_value(SecretId="labels")["SecretString"] == "2"
    assert secrets.get_secret_value(SecretId="labels", VersionStage="AWSPREVIOUS")["SecretString"] == "1"

    third = secrets.put_secret_value(SecretId="labels", SecretString="3")["VersionId"]
    labels = secrets.describe_secret(SecretId="labels")["VersionIdsToStages"]
    assert [version for version, stages in labels.items() if "AWSCURRENT" in stages] == [third]
    assert secrets.get_secret_value(SecretId="labels", VersionStage="AWSPREVIOUS")["SecretString"] == "2"
