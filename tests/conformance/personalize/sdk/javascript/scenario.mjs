// The life of a recommender with the AWS SDK for JavaScript v3; the same steps as scenario.py.
// The SDK finds the server by AWS_ENDPOINT_URL_PERSONALIZE and its siblings.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import * as control from "@aws-sdk/client-personalize";
import * as events from "@aws-sdk/client-personalize-events";
import * as runtime from "@aws-sdk/client-personalize-runtime";

const ROLE = "arn:aws:iam::000000000000:role/personalize";
const clients = {
  control: new control.PersonalizeClient(),
  events: new events.PersonalizeEventsClient(),
  runtime: new runtime.PersonalizeRuntimeClient(),
};
const schema = (name, ...fields) =>
  JSON.stringify({ type: "record", name, namespace: "com.amazonaws.personalize.schema", fields, version: "1.0" });
const SCHEMAS = {
  Interactions: schema(
    "Interactions",
    { name: "USER_ID", type: "string" },
    { name: "ITEM_ID", type: "string" },
    { name: "TIMESTAMP", type: "long" },
    { name: "EVENT_TYPE", type: "string" },
  ),
  Items: schema(
    "Items",
    { name: "ITEM_ID", type: "string" },
    { name: "ANIMAL_TYPE", type: "string", categorical: true },
    { name: "ITEM_VALUE", type: ["null", "float"] },
    { name: "CREATION_TIMESTAMP", type: "long" },
  ),
};

const call = (operation, request = {}) => clients.control.send(new control[`${operation}Command`](request));
const member = (kind) => kind[0].toLowerCase() + kind.slice(1);
const within = async (attempt, seconds = 60) => {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await attempt();
    if (found) return found;
    assert.ok(Date.now() < deadline, "the deadline has passed");
    await pause(10);
  }
};
const active = (kind, arn) =>
  within(async () => {
    const shown = (await call(`Describe${kind}`, { [`${member(kind)}Arn`]: arn }))[member(kind)];
    assert.ok(!shown.status.includes("FAILED"), `${arn}: ${shown.failureReason}`);
    return shown.status === "ACTIVE" && shown;
  });
const refused = (operation, request, error) => assert.rejects(call(operation, request), { name: error });
const gone = (kind, arn) =>
  within(async () => {
    try {
      await call(`Describe${kind}`, { [`${member(kind)}Arn`]: arn });
      return false;
    } catch (error) {
      assert.ok(error instanceof control.ResourceNotFoundException, error);
      return true;
    }
  });

// --- build
const { datasetGroupArn } = await call("CreateDatasetGroup", {
  name: "pets",
  tags: [{ tagKey: "team", tagValue: "pets" }],
});
const group = await active("DatasetGroup", datasetGroupArn);
assert.ok(group.creationDateTime instanceof Date);
const { tags } = await call("ListTagsForResource", { resourceArn: datasetGroupArn });
assert.deepEqual(tags, [{ tagKey: "team", tagValue: "pets" }]);
const schemas = {};
const datasets = {};
for (const [kind, text] of Object.entries(SCHEMAS)) {
  schemas[kind] = (await call("CreateSchema", { name: kind, schema: text })).schemaArn;
  datasets[kind] = (
    await call("CreateDataset", { name: kind, schemaArn: schemas[kind], datasetGroupArn, datasetType: kind })
  ).datasetArn;
  await active("Dataset", datasets[kind]);
  const job = await call("CreateDatasetImportJob", {
    jobName: kind,
    datasetArn: datasets[kind],
    dataSource: { dataLocation: `s3://seed/${kind.toLowerCase()}.csv` },
    roleArn: ROLE,
  });
  await active("DatasetImportJob", job.datasetImportJobArn);
}
await refused("CreateSchema", { name: "Items", schema: SCHEMAS.Items }, "ResourceAlreadyExistsException");
const { eventTrackerArn, trackingId } = await call("CreateEventTracker", { name: "tracker", datasetGroupArn });
await active("EventTracker", eventTrackerArn);
const { filterArn } = await call("CreateFilter", {
  name: "kind",
  datasetGroupArn,
  filterExpression: "INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ($KIND)",
});
await active("Filter", filterArn);
const solutions = [];
const campaigns = [];
for (const name of ["aws-user-personalization-v2", "aws-personalized-ranking-v2"]) {
  const recipeArn = `arn:aws:personalize:::recipe/${name}`;
  const { solutionArn } = await call("CreateSolution", { name, datasetGroupArn, recipeArn, performAutoTraining: false });
  await active("Solution", solutionArn);
  const { solutionVersionArn } = await call("CreateSolutionVersion", { solutionArn });
  await active("SolutionVersion", solutionVersionArn);
  const { metrics } = await call("GetSolutionMetrics", { solutionVersionArn });
  assert.ok(metrics.normalized_discounted_cumulative_gain_at_10 > 0);
  const { campaignArn } = await call("CreateCampaign", { name, solutionVersionArn });
  await active("Campaign", campaignArn);
  solutions.push(solutionArn);
  campaigns.push(campaignArn);
}
assert.equal((await call("ListSolutions", { datasetGroupArn })).solutions.length, 2);

// --- use
const kinds = async (userId, more = {}) => {
  const answer = await clients.runtime.send(
    new runtime.GetRecommendationsCommand({ campaignArn: campaigns[0], userId, numResults: 10, ...more }),
  );
  assert.ok(answer.recommendationId);
  for (const item of answer.itemList) assert.ok(item.score >= 0 && item.score <= 1);
  return [...new Set(answer.itemList.map((item) => item.itemId.slice(0, 3)))];
};
assert.deepEqual(await kinds("u1"), ["cat"]);
assert.deepEqual(await kinds("u2"), ["dog"]);
assert.deepEqual(await kinds("u2", { filterArn, filterValues: { KIND: '"1"' } }), ["cat"]);
const ranking = await clients.runtime.send(
  new runtime.GetPersonalizedRankingCommand({
    campaignArn: campaigns[1],
    userId: "u1",
    inputList: ["dog1", "cat1", "absent"],
  }),
);
assert.deepEqual(
  ranking.personalizedRanking.map((item) => item.itemId),
  ["cat1", "dog1", "absent"],
);
await clients.events.send(
  new events.PutEventsCommand({
    trackingId,
    userId: "new",
    sessionId: "s",
    eventList: [0, 1, 2, 3, 4].map((number) => ({
      eventId: `click-${number}`,
      eventType: "DetailView",
      itemId: `cat${number}`,
      sentAt: new Date(),
      properties: JSON.stringify({}),
    })),
  }),
);
assert.ok((await kinds("new", { numResults: 3 })).includes("cat"));
await clients.events.send(
  new events.PutItemsCommand({
    datasetArn: datasets.Items,
    items: [{ itemId: "cat99", properties: JSON.stringify({ animalType: "1", creationTimestamp: 1_700_000_000 }) }],
  }),
);

// --- delete
await refused("DeleteSolution", { solutionArn: solutions[0] }, "ResourceInUseException");
await refused("DeleteDatasetGroup", { datasetGroupArn }, "ResourceInUseException");
for (const campaignArn of campaigns) {
  await call("DeleteCampaign", { campaignArn });
  await gone("Campaign", campaignArn);
}
for (const solutionArn of solutions) {
  await call("DeleteSolution", { solutionArn });
  await gone("Solution", solutionArn);
}
await call("DeleteFilter", { filterArn });
await gone("Filter", filterArn);
await call("DeleteEventTracker", { eventTrackerArn });
await gone("EventTracker", eventTrackerArn);
for (const datasetArn of Object.values(datasets)) {
  await call("DeleteDataset", { datasetArn });
  await gone("Dataset", datasetArn);
}
for (const schemaArn of Object.values(schemas)) await call("DeleteSchema", { schemaArn });
await call("DeleteDatasetGroup", { datasetGroupArn });
await gone("DatasetGroup", datasetGroupArn);
assert.deepEqual((await call("ListDatasetGroups")).datasetGroups, []);
assert.deepEqual((await call("ListSchemas")).schemas, []);
