"""SageMaker Feature Store in the local cloud: feature groups, online records, and a history in S3."""

from pathlib import Path

from local_cloud.services.database import Database
from local_cloud.services.feature_store.control import Control
from local_cloud.services.feature_store.offline import OfflineWriter, S3Of
from local_cloud.services.feature_store.runtime import Runtime
from local_cloud.services.feature_store.store import SCHEMA
from local_cloud.services.protocol import Api
from local_cloud.services.service import Service


def feature_store(folder: Path, s3_of: S3Of) -> Service:
    """The service (what signs as `sagemaker`), its state in a file of this folder."""
    database = Database(folder / "feature-store.sqlite", SCHEMA)
    writer = OfflineWriter(database, s3_of)
    writer.resume()
    apis = [Api("sagemaker", "ValidationException"), Api("sagemaker-featurestore-runtime", "ValidationError")]
    return Service(apis, {**Control(database).operations, **Runtime(database, writer.wake).operations})
