// How long the other engine takes: node reference.mjs JOB
//
// JOB as of tests/differential/reference.mjs, with one run, and "defines": [[library, define], ...]: what one request
// asks for, in that order; "repeat": how often. Prints JSON: milliseconds of each repetition, with the PatientSource
// reused ("reused") and made anew ("anew"). Libraries are built once.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(new URL('../differential/package.json', import.meta.url));
const cql = require('cql-execution');
const fhir = require('cql-exec-fhir');
console.error = () => {};

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const repository = new cql.Repository(job.libraries);
const names = [...new Set(job.defines.map(([library]) => library))];
const libraries = new Map(names.map((name) => [
  name, new cql.Library(job.libraries.find((each) => each.library.identifier.id === name), repository)]));
const codeService = new cql.CodeService(Object.fromEntries(Object.entries(job.valueSets).map(
  ([url, codes]) => [url, { '': codes.map(([system, code]) => ({ system, code })) }])));
const wrapper = fhir.FHIRWrapper.FHIRv401();
const reused = fhir.PatientSource.FHIRv401();
const now = cql.DateTime.fromJSDate(new Date(job.now), 0);
const [{ resources, parameters }] = job.runs;

async function request(source) {
  source.reset();
  source.loadBundles([{ resourceType: 'Bundle', entry: resources.map((resource) => ({ resource })) }]);
  const patient = source.currentPatient();
  const given = { ...parameters, draftOrders: parameters.draftOrders.map((each) => wrapper.wrap(each)) };
  const contexts = new Map(names.map((name) => [
    name, new cql.PatientContext(libraries.get(name), patient, codeService, given, now)]));
  for (const [library, define] of job.defines) {
    const context = contexts.get(library);
    const known = context.get(define);
    if (known instanceof cql.Expression) await known.execute(context).catch(() => undefined);
  }
}

async function timed(make) {
  const times = [];
  for (let i = 0; i < job.repeat; i += 1) {
    const begun = performance.now();
    await request(make());
    times.push(performance.now() - begun);
  }
  return times;
}

await timed(() => reused); // warm
process.stdout.write(JSON.stringify({
  reused: await timed(() => reused), anew: await timed(() => fhir.PatientSource.FHIRv401()) }));
