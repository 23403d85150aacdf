// Stands for the header of TensorFlow Lite, as far as sources that kexport writes use it.
#ifndef KEXPORT_STUB_COMMON_H_
#define KEXPORT_STUB_COMMON_H_

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

enum TfLiteType {
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteUInt8 = 3,
  kTfLiteInt64 = 4,
  kTfLiteBool = 6,
  kTfLiteInt16 = 7,
  kTfLiteInt8 = 9,
  kTfLiteFloat16 = 10,
};

#endif  // KEXPORT_STUB_COMMON_H_
