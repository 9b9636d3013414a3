#include "from_script.h"

#include "operation_mode.h"

namespace mcloss::node {

std::vector<at::Tensor> tensors_of(const std::vector<Written>& written) {
  std::vector<at::Tensor> tensors;
  for (const auto& each : written) tensors.push_back(each.tensor);
  return tensors;
}

void reject(std::string_view argument, const char* expected) {
  const std::string name(argument);
  throw CodedError("ERR_ARGUMENT", name + " must be " + expected, name);
}

Fields::Fields(Capture& capture, const Napi::Value& value, std::string_view argument) : capture_(capture) {
  if (!value.IsObject()) reject(argument, "an object");
  object_ = value.As<Napi::Object>();
}

bool From<bool>::take(Capture&, const Napi::Value& value, std::string_view argument) {
  if (!value.IsBoolean()) reject(argument, "true or false");
  return value.As<Napi::Boolean>().Value();
}

double From<double>::take(Capture&, const Napi::Value& value, std::string_view argument) {
  if (!value.IsNumber()) reject(argument, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t From<int64_t>::take(Capture&, const Napi::Value& value, std::string_view argument) {
  if (!value.IsNumber()) reject(argument, "an integer");
  return value.As<Napi::Number>().Int64Value();
}

std::string From<std::string>::take(Capture&, const Napi::Value& value, std::string_view argument) {
  if (!value.IsString()) reject(argument, "a string");
  return value.As<Napi::String>().Utf8Value();
}

CallMode From<CallMode>::take(Capture&, const Napi::Value& value, std::string_view) {
  CallMode taken{to_mode(value), {}};
  if (taken.mode.anomaly) taken.stack = script_stack(value.Env());
  return taken;
}

}  // namespace mcloss::node
