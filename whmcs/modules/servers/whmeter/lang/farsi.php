<?php
// The module's texts in Persian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'rtl',
    'title' => 'میزان مصرف',
    'used' => 'فضای استفاده‌شده',
    'limit' => 'سقف',
    'percent' => 'درصد استفاده از سقف',
    'unlimited' => 'نامحدود',
    'unknown' => 'نامشخص',
    'last_30_days' => '۳۰ روز گذشته',
    'monthly_average' => 'میانگین ماهانه',
    'disk' => 'فضای دیسک',
    'disk_gb_month' => 'فضای دیسک (UNIT-ماه)',
    'traffic_in' => 'ترافیک ورودی',
    'traffic_out' => 'ترافیک خروجی',
    'traffic_total' => 'مجموع ترافیک',
    'last_reading' => 'آخرین اندازه‌گیری',
    'recalculate' => 'محاسبهٔ دوباره',
    'too_soon' => 'ارقام کمتر از ۱۰ دقیقه پیش دوباره محاسبه شده‌اند. لطفاً بعداً تلاش کنید.',
    'unreachable' => 'ارقام در حال حاضر در دسترس نیستند.',
    'no_account' => 'مصرف این سرویس هنوز اندازه‌گیری نمی‌شود.',
    'no_history' => 'هنوز سابقه‌ای وجود ندارد.',
    'incomplete' => 'ناقص',
    'this_month' => 'این ماه',
    'free' => 'فضای آزاد',
    'projected' => 'پیش‌بینی تا پایان ماه',
    'limit_on' => 'رسیدن به سقف با این روند',
    'complete' => 'کامل',
    'as_of_last' => 'این‌ها آخرین ارقام شناخته‌شده‌اند. ارقام تازه در حال حاضر در دسترس نیست.',
    'byte' => 'B',
    'last_reported' => 'آخرین گزارش به WHMCS',
    'policy' => 'سیاست',
    'policy_standard' => 'استاندارد',
    'policy_limited' => 'محدود',
    'pinned' => 'تنظیم دستی',
    'update_policy' => 'به‌روزرسانی سیاست',
    'set_standard' => 'اعمال سیاست استاندارد',
    'set_limited' => 'اعمال سیاست محدود',
    'not_allowed' => 'توکن سرور اجازهٔ این کار را نمی‌دهد.',
];
