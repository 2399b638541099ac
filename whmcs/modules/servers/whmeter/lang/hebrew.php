<?php
// The module's texts in Hebrew.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'rtl',
    'title' => 'שימוש',
    'used' => 'שטח בשימוש',
    'limit' => 'מגבלה',
    'percent' => 'ניצול המגבלה',
    'unlimited' => 'ללא הגבלה',
    'unknown' => 'לא ידוע',
    'last_30_days' => '30 הימים האחרונים',
    'monthly_average' => 'ממוצע חודשי',
    'disk' => 'שטח אחסון',
    'disk_gb_month' => 'שטח אחסון (UNIT-חודשים)',
    'traffic_in' => 'תעבורה נכנסת',
    'traffic_out' => 'תעבורה יוצאת',
    'traffic_total' => 'סך התעבורה',
    'last_reading' => 'מדידה אחרונה',
    'recalculate' => 'חישוב מחדש',
    'too_soon' => 'הנתונים חושבו מחדש לפני פחות מ-10 דקות. נסו שוב מאוחר יותר.',
    'unreachable' => 'הנתונים אינם זמינים כרגע.',
    'no_account' => 'השימוש בשירות זה עדיין אינו נמדד.',
    'no_history' => 'אין עדיין היסטוריה.',
    'incomplete' => 'חלקי',
    'this_month' => 'החודש',
    'free' => 'שטח פנוי',
    'projected' => 'צפוי עד סוף החודש',
    'limit_on' => 'המגבלה תושג בקצב זה',
    'complete' => 'מלא',
    'as_of_last' => 'אלה הנתונים האחרונים הידועים. נתונים חדשים אינם זמינים כרגע.',
    'byte' => 'B',
    'last_reported' => 'דווח לאחרונה ל-WHMCS',
    'policy' => 'מדיניות',
    'policy_standard' => 'רגילה',
    'policy_limited' => 'מוגבלת',
    'pinned' => 'נקבעה ידנית',
    'update_policy' => 'עדכון מדיניות',
    'set_standard' => 'החלת מדיניות רגילה',
    'set_limited' => 'החלת מדיניות מוגבלת',
    'not_allowed' => 'האסימון של השרת אינו מאפשר פעולה זו.',
];
