#include "color_profile.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>

// ICC.1:2022: a header of 128 bytes, a table of tags, their data; all big-endian.
namespace mcloss::data {
namespace {

constexpr size_t kHeaderBytes = 128;
constexpr size_t kTagBytes = 12;
constexpr uint32_t kMaxTags = 100;
// Of sRGB's primaries, adapted to D50, as profiles have them.
constexpr std::array<std::array<double, 3>, 3> kPrimaries{{
    {0.4361, 0.2225, 0.0139},
    {0.3851, 0.7169, 0.0971},
    {0.1431, 0.0606, 0.7141},
}};
constexpr double kPrimaryTolerance = 0.002;
constexpr int kCurveSteps = 51;
constexpr double kRounding = 1.0 / 65535;

using Bytes = std::span<const uint8_t>;

uint32_t read_u16(Bytes bytes, size_t at) {
  return static_cast<uint32_t>(bytes[at] << 8 | bytes[at + 1]);
}

uint32_t read_u32(Bytes bytes, size_t at) {
  return read_u16(bytes, at) << 16 | read_u16(bytes, at + 2);
}

double read_fixed(Bytes bytes, size_t at) {
  return static_cast<int32_t>(read_u32(bytes, at)) / 65536.0;
}

bool has_text(Bytes bytes, size_t at, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()) + at, text.size()) == text;
}

// A tag's data, with its type's four letters and four zeros before.
std::optional<Bytes> find_tag(Bytes profile, std::string_view name) {
  const auto count = read_u32(profile, kHeaderBytes);
  if (count > kMaxTags || profile.size() < kHeaderBytes + 4 + count * kTagBytes) return std::nullopt;
  for (size_t at = kHeaderBytes + 4; at < kHeaderBytes + 4 + count * kTagBytes; at += kTagBytes) {
    if (!has_text(profile, at, name)) continue;
    const size_t start = read_u32(profile, at + 4);
    const size_t length = read_u32(profile, at + 8);
    if (length < 12 || start > profile.size() || length > profile.size() - start) return std::nullopt;
    return profile.subspan(start, length);
  }
  return std::nullopt;
}

bool is_primary(std::optional<Bytes> tag, const std::array<double, 3>& wanted) {
  if (!tag || tag->size() < 20 || !has_text(*tag, 0, "XYZ ")) return false;
  for (size_t axis = 0; axis < 3; ++axis) {
    if (std::abs(read_fixed(*tag, 8 + 4 * axis) - wanted[axis]) > kPrimaryTolerance) return false;
  }
  return true;
}

double srgb_light(double level) {
  return level <= 0.04045 ? level / 12.92 : std::pow((level + 0.055) / 1.055, 2.4);
}

// How much light a curve makes of a level; both 0 to 1. Nothing where it is of another type.
std::optional<double> curve_light(Bytes tag, double level) {
  if (has_text(tag, 0, "para") && tag.size() >= 32 && read_u16(tag, 8) == 3) {
    const auto parameter = [&](size_t index) { return read_fixed(tag, 12 + 4 * index); };
    if (level < parameter(4)) return parameter(3) * level;
    return std::pow(parameter(1) * level + parameter(2), parameter(0));
  }
  if (!has_text(tag, 0, "curv")) return std::nullopt;
  const size_t count = read_u32(tag, 8);
  if (count < 2 || count > (tag.size() - 12) / 2) return std::nullopt;
  const double place = level * static_cast<double>(count - 1);
  const auto below = std::min(static_cast<size_t>(place), count - 2);
  const auto entry = [&](size_t index) { return read_u16(tag, 12 + 2 * index) / 65535.0; };
  return std::lerp(entry(below), entry(below + 1), place - static_cast<double>(below));
}

bool is_srgb_curve(std::optional<Bytes> tag) {
  if (!tag) return false;
  for (int step = 0; step < kCurveSteps; ++step) {
    const double level = static_cast<double>(step) / (kCurveSteps - 1);
    const auto light = curve_light(*tag, level);
    // Within half a level.
    const double least = srgb_light(level - 0.5 / 255) - kRounding;
    const double most = srgb_light(level + 0.5 / 255) + kRounding;
    if (!light || !(*light >= least && *light <= most)) return false;
  }
  return true;
}

}  // namespace

bool is_srgb_profile(Bytes profile) {
  if (profile.size() < kHeaderBytes + 4 || !has_text(profile, 36, "acsp")) return false;
  if (!has_text(profile, 16, "RGB ") || !has_text(profile, 20, "XYZ ")) return false;
  // A table of colours would come before the curves.
  if (find_tag(profile, "A2B0")) return false;
  return is_primary(find_tag(profile, "rXYZ"), kPrimaries[0]) &&
         is_primary(find_tag(profile, "gXYZ"), kPrimaries[1]) &&
         is_primary(find_tag(profile, "bXYZ"), kPrimaries[2]) && is_srgb_curve(find_tag(profile, "rTRC")) &&
         is_srgb_curve(find_tag(profile, "gTRC")) && is_srgb_curve(find_tag(profile, "bTRC"));
}

}  // namespace mcloss::data
