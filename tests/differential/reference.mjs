// The reference engine on a job: node reference.mjs JOB ANSWER
//
// JOB (JSON): {"libraries": [ELM, ...], "valueSets": {url: [[system, code], ...]}, "now": ISO text,
//   "runs": [{"id", "libraries": [name, ...], "resources": [...], "parameters": {name: value}}, ...]}
// A run is one patient: every define of the libraries named is evaluated. In parameters, FHIR resources stand as JSON.
//
// ANSWER (JSON): {run id: {library: {define: value}}}, values as `plain` writes them; {"error": text} for a define
// (or a whole library) that failed.

import { readFileSync, writeFileSync } from 'node:fs';
import cql from 'cql-execution';
import fhir from 'cql-exec-fhir';

// cql-exec-fhir tells of every element that it does not know; the value is then undefined, and so compared.
console.error = () => {};

const [jobFile, answerFile] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobFile, 'utf8'));
const wrapper = fhir.FHIRWrapper.FHIRv401();
const source = fhir.PatientSource.FHIRv401();
const codeService = new cql.CodeService(Object.fromEntries(Object.entries(job.valueSets).map(
  ([url, codes]) => [url, { '': codes.map(([system, code]) => ({ system, code })) }])));
const parameterNames = [
  ...new Set(job.libraries.flatMap((each) => each.library.parameters?.def ?? []).map(({ name }) => name))];
const now = cql.DateTime.fromJSDate(new Date(job.now), 0);
const compiled = new Map();

/** The library; parameters that are null stand in its ELM as Null (within a function the engine mistakes them). */
function library(name, absent) {
  const key = JSON.stringify([name, absent]);
  if (!compiled.has(key)) {
    const elm = variant(absent).find((each) => each.library.identifier.id === name);
    compiled.set(key, new cql.Library(elm, new cql.Repository(variant(absent))));
  }
  return compiled.get(key);
}

const variants = new Map();

function variant(absent) {
  const key = JSON.stringify(absent);
  if (!variants.has(key)) variants.set(key, job.libraries.map((each) => withNulls(each, new Set(absent))));
  return variants.get(key);
}

function withNulls(node, absent) {
  if (Array.isArray(node)) return node.map((each) => withNulls(each, absent));
  if (node === null || typeof node !== 'object') return node;
  if (node.type === 'ParameterRef' && absent.has(node.name)) return { type: 'Null' };
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, withNulls(value, absent)]));
}

function wrapped(value) {
  if (Array.isArray(value)) return value.map(wrapped);
  return value !== null && typeof value === 'object' && value.resourceType ? wrapper.wrap(value) : value;
}

/** A value in plain JSON, the same for both engines: numbers as text, other types as {type: ...}. */
function plain(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return { number: String(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (value._typeInfo !== undefined) return { fhir: value._json };
  if (value.isDateTime) return value.isTime() ? { time: value.toString() } : { dateTime: value.toString() };
  if (value.isDate) return { date: value.toString() };
  if (value.isQuantity) return { quantity: [plain(value.value), value.unit ?? '1'] };
  if (value.isRatio) return { ratio: [plain(value.numerator), plain(value.denominator)] };
  if (value.isInterval) return { interval: [plain(value.low), plain(value.high), value.lowClosed, value.highClosed] };
  if (value.isUncertainty) return { uncertainty: [plain(value.low), plain(value.high)] };
  if (value.isConcept) return { concept: (value.codes ?? []).map(plain) };
  if (value.isCode) return { code: [value.system ?? null, value.code ?? null] };
  if (value.isValueSet || value.constructor?.name === 'ValueSet') return { valueSet: value.oid ?? value.id };
  if (value.constructor?.name === 'CQLValueSet') return { valueSet: value.oid ?? value.id };
  if (value.constructor === Object) {
    return { tuple: Object.fromEntries(Object.keys(value).sort().map((name) => [name, plain(value[name])])) };
  }
  return { other: value.constructor?.name ?? typeof value };
}

async function define(expression, context) {
  try {
    return plain(await expression.execute(context));
  } catch (error) {
    return { error: String(error?.message ?? error).slice(0, 200) };
  }
}

async function run({ libraries, resources, parameters }) {
  source.reset();
  source.loadBundles([{ resourceType: 'Bundle', entry: resources.map((resource) => ({ resource })) }]);
  const patient = source.currentPatient();
  const given = Object.fromEntries(Object.entries(parameters ?? {})
    .filter(([, value]) => value !== null).map(([name, value]) => [name, wrapped(value)]));
  const absent = parameterNames.filter((name) => !(name in given));
  const answers = {};
  for (const name of libraries) {
    try {
      const found = library(name, absent);
      const context = new cql.PatientContext(found, patient, codeService, given, now);
      answers[name] = {};
      for (const [each, expression] of Object.entries(found.expressions)) {
        answers[name][each] = await define(expression, context);
      }
    } catch (error) {
      answers[name] = { error: String(error?.message ?? error).slice(0, 200) };
    }
  }
  return answers;
}

const answers = {};
for (const each of job.runs) answers[each.id] = await run(each);
writeFileSync(answerFile, JSON.stringify(answers));
