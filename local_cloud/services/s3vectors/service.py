"""Amazon S3 Vectors in the local cloud: buckets, indexes, vectors and exact search."""

from pathlib import Path

from local_cloud.services.database import Database
from local_cloud.services.protocol import Api
from local_cloud.services.s3vectors.control import Control
from local_cloud.services.s3vectors.data import Data
from local_cloud.services.s3vectors.store import SCHEMA
from local_cloud.services.service import Service


def s3vectors(folder: Path) -> Service:
    """The service, its state in a file of this folder."""
    database = Database(folder / "s3vectors.sqlite", SCHEMA)
    api = Api("s3vectors", "ValidationException")
    return Service([api], {**Control(database).operations, **Data(database).operations})
