#pragma once

#include <algorithm>
#include <cstdint>

namespace mcloss::cpu {

// to[column * to_stride + row] = from[row * from_stride + column] of another type, in tiles that stay in
// cache.
template <class From, class To>
void transpose(const From* from, int64_t from_stride, To* to, int64_t to_stride, int64_t rows,
               int64_t columns) {
  constexpr int64_t kTile = 16;
  for (int64_t row = 0; row < rows; row += kTile) {
    const int64_t last_row = std::min(row + kTile, rows);
    for (int64_t column = 0; column < columns; column += kTile) {
      const int64_t last_column = std::min(column + kTile, columns);
      for (int64_t r = row; r < last_row; ++r) {
        for (int64_t c = column; c < last_column; ++c) {
          to[c * to_stride + r] = static_cast<To>(from[r * from_stride + c]);
        }
      }
    }
  }
}

}  // namespace mcloss::cpu
