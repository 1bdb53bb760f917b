"""The recipes of the service's domains: its use cases, which recommenders are made of. There are no recommenders here.

Source: developer guide, https://docs.aws.amazon.com/personalize/latest/dg/ECOMMERCE-use-cases.html and
https://docs.aws.amazon.com/personalize/latest/dg/VIDEO_ON_DEMAND-use-cases.html. They are listed and described, because
clients page through ListRecipes and leave out what has a `domain`.
"""

from personalize_local.model.recipes import Recipe

_SHOP, _VIDEO = "ECOMMERCE", "VIDEO_ON_DEMAND"

_USE_CASES = (
    (_SHOP, "aws-ecomm-customers-who-viewed-x-also-viewed", "RELATED_ITEMS", "What viewers of an item viewed too."),
    (_SHOP, "aws-ecomm-frequently-bought-together", "RELATED_ITEMS", "What is bought together with an item."),
    (_SHOP, "aws-ecomm-popular-items-by-purchases", "POPULAR_ITEMS", "What is bought most."),
    (_SHOP, "aws-ecomm-popular-items-by-views", "POPULAR_ITEMS", "What is viewed most."),
    (_SHOP, "aws-ecomm-recommended-for-you", "USER_PERSONALIZATION", "Items for a user."),
    (_VIDEO, "aws-vod-because-you-watched-x", "RELATED_ITEMS", "What watchers of a video watched too."),
    (_VIDEO, "aws-vod-more-like-x", "RELATED_ITEMS", "Videos like a video."),
    (_VIDEO, "aws-vod-most-popular", "POPULAR_ITEMS", "What is watched most."),
    (_VIDEO, "aws-vod-top-picks", "USER_PERSONALIZATION", "Videos for a user."),
    (_VIDEO, "aws-vod-trending-now", "POPULAR_ITEMS", "What gains watchers fastest."),
)

DOMAINS: dict[str, str] = {name: domain for domain, name, _, _ in _USE_CASES}
"""The domain of each of these recipes, by its name."""
DOMAIN_RECIPES: dict[str, Recipe] = {name: Recipe(name, kind, text) for _, name, kind, text in _USE_CASES}


def domain_recipe_of(arn: str) -> Recipe | None:
    """The domain's recipe with this ARN."""
    head, _, name = arn.rpartition("/")
    return DOMAIN_RECIPES.get(name) if head.endswith(":personalize:::recipe") else None
