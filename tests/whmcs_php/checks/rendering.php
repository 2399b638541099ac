<?php
// Pages: everything is escaped, what is not known is said to be unknown, and pages to look at are written.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Module\Server\Whmeter\AdminTab;
use WHMCS\Module\Server\Whmeter\Chart;
use WHMCS\Module\Server\Whmeter\ClientPage;
use WHMCS\Module\Server\Whmeter\Standing;
use WHMCS\Module\Server\Whmeter\Texts;

/** Thirty days that grow, two of them unknown and the last one not over; fourteen months. */
function history(): array
{
    $days = $months = [];
    for ($back = 29; $back >= 0; $back--) {
        $day = date('Y-m-d', strtotime("today -$back days"));
        $disk = sprintf('%d.50000', 60 + (29 - $back));
        if ($back !== 10 && $back !== 11) {
            $days[] = ['day' => $day, 'disk' => $disk, 'traffic_out' => '0.25000', 'complete' => $back > 0];
        }
    }
    for ($back = 13; $back >= 0; $back--) {
        $month = date('Y-m', strtotime(date('Y-m-01') . " -$back months"));
        $months[] = ['month' => $month, 'disk_average' => sprintf('%d.00000', 20 + 5 * (13 - $back)), 'complete' => $back > 0];
    }
    return ['schema' => 1, 'days' => $days, 'months' => $months];
}

function usage(string $disk = '93.41000', array $more = []): array
{
    $one = static fn (string $value) => ['value' => $value, 'collected_at' => 1773450300];
    return $more + ['values' => ['disk' => $one($disk), 'traffic_out' => $one('7.25000'), 'traffic_in' => $one('0.00100')]];
}

/** The document must be well-formed: an unescaped character would end it. */
function well_formed(string $html): DOMDocument
{
    libxml_use_internal_errors(true);
    $document = new DOMDocument();
    $closed = preg_replace('/<(input|br)([^>]*)>/', '<$1$2/>', $html);
    holds($document->loadXML("<page>$closed</page>"), 'well-formed: ' . json_encode(libxml_get_errors()) . $html);
    return $document;
}

/** What a row says, without what may become of it, which depends on the day. */
function said(string $html): string
{
    return strip_tags(preg_replace('~<div><small>.*?</small></div>~', '', $html));
}

$evil = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onload='alert(1)", '{php}evil{/php}', '</svg><b>'];

$checks = [
    'nothing told is markup, wherever it stands' => static function () use ($evil): void {
        foreach ($evil as $text) {
            $usage = usage('1.00000', ['policy' => $text, 'pinned' => $text, 'tenant' => $text, 'limits' => ['disk' => $text]]);
            $usage['values'][$text] = ['value' => $text, 'collected_at' => $text];
            $usage['values']['disk']['collected_at'] = $text;
            $history = history();
            $history['days'][] = ['day' => $text, 'disk' => '5.00000'];
            $history['days'][0]['disk'] = $text;
            $history['months'][] = ['month' => $text, 'disk_average' => $text];
            $standing = Standing::of($usage, $history);
            $html = ClientPage::html($standing, Texts::ofSystem(), 7) . implode('', AdminTab::fields($standing, Texts::ofSystem()));
            foreach (['<script', 'alert', '<img', '<b>', '{php}'] as $part) {
                holds(!str_contains($html, $part), "$part in $html");
            }
            well_formed($html);
            well_formed(Chart::svg($text, [['label' => $text, 'title' => $text, 'value' => 1.0, 'whole' => true]], $text));
        }
    },
    'what a refusal says is escaped and has no secret' => static function () use ($evil): void {
        foreach ($evil as $text) {
            $refused = new WHMCS\Module\Server\Whmeter\Refused("$text and the-token-0123456789");
            $html = implode('', AdminTab::sorry($refused, ['the-token-0123456789'], Texts::ofSystem()));
            holds(!str_contains($html, 'the-token'), $html);
            well_formed($html);
        }
    },
    'unknown is said, and is never a zero' => static function (): void {
        foreach ([[], ['values' => []], ['values' => 'odd', 'limits' => 7], ['values' => [7, null, ['value' => 5]]]] as $usage) {
            $standing = Standing::of($usage, []);
            same([null, null, null, null], [$standing->values->get('disk'), $standing->limit('disk'), $standing->percent('disk'), $standing->policy], 'unknown');
            $html = ClientPage::html($standing, Texts::ofSystem(), null);
            same(4, substr_count($html, 'unknown'), "used, limit, share, reading: $html");
            holds(!preg_match('/\b0(\.0+)?\b ?(GB|%)/', $html) && !str_contains($html, '<svg'), $html);
            holds(str_contains($html, 'no history'), 'says so');
            same('unknown', AdminTab::fields($standing, Texts::ofSystem())['Policy'], 'policy');
        }
    },
    'the button carries the token of WHMCS, so that no other site can press it' => static function (): void {
        $standing = Standing::of(usage(), []);
        $html = ClientPage::html($standing, Texts::ofSystem(), 7);
        holds(str_contains($html, '<input type="hidden" name="token" value="session&quot;token">'), $html);
        holds(!str_contains(ClientPage::html($standing, Texts::ofSystem(), null), 'session'), 'without a button none');
    },
    'a limit is a number, unlimited or unknown' => static function (): void {
        $standing = static fn (array $limits) => Standing::of(usage('5.00000', ['limits' => $limits]), []);
        $row = static fn (array $limits) => strip_tags(ClientPage::rows($standing($limits), Texts::ofSystem())['limit']);
        same(['100.00 GB', 5.0], [$row(['disk' => '100.00000']), $standing(['disk' => '100.00000'])->percent('disk')], 'a number');
        same(['Unlimited', null], [$row(['disk' => '0.00000']), $standing(['disk' => '0.00000'])->percent('disk')], 'unlimited');
        same(['unknown', null], [$row([]), $standing([])->percent('disk')], 'unknown');
    },
    'a service that only moves data shows no disk' => static function (): void {
        $usage = usage('1.00000', ['limits' => ['traffic_out' => '29.00000']]);
        unset($usage['values']['disk']);
        $rows = array_map('said', ClientPage::rows(Standing::of($usage, []), Texts::ofSystem()));
        same(['traffic_in', 'traffic_out', 'last_reading'], array_keys($rows), 'rows');
        same('7.25 GB / 29.00 GB · 25.0 %', $rows['traffic_out'], 'used, limit, share');
        $standing = Standing::of($usage, ['days' => [['day' => '2026-03-14', 'disk' => '5.00000']]]);
        same('unknown', ClientPage::rows($standing, Texts::ofSystem())['used'], 'a disk that was known is unknown now');
    },
    'what is billed for the month before is not used of this one\'s limit' => static function (): void {
        $row = static function (string $value, $carried): string {
            $usage = usage('1.00000', ['limits' => ['traffic_out' => '10.00000']]);
            $usage['values']['traffic_out'] = ['value' => $value, 'carried' => $carried, 'collected_at' => 1];
            return said(ClientPage::rows(Standing::of($usage, []), Texts::ofSystem())['traffic_out']);
        };
        same('5.00 GB / 10.00 GB · 50.0 %', $row('5.31250', '0.31250'), 'it lacked some');
        same('5.00 GB / 10.00 GB · 50.0 %', $row('4.00000', '-1.00000'), 'it had too much');
        same('unknown / 10.00 GB', $row('0.00000', '-1.00000'), 'more than there is');
        same('0.00 GB / 10.00 GB · 0.0 %', $row('0.00000', '0.00000'), 'nothing');
        same('4.00 GB / 10.00 GB · 40.0 %', $row('4.00000', '<b>'), 'nonsense');
    },
    'amounts are in units that people read, called what they are' => static function (): void {
        $said = static function (string $value, int $bytes, string $language = 'english'): string {
            $_SESSION['Language'] = $language;
            $unit = ['name' => 'GB', 'disk' => $bytes, 'traffic' => $bytes];
            $said = strip_tags(ClientPage::rows(Standing::of(usage($value, ['unit' => $unit]), []), Texts::ofClient([]))['used']);
            unset($_SESSION['Language']);
            return $said;
        };
        $table = [
            '12060.00000' => ['11.78 TiB', '12.06 TB'], '0.05100' => ['52.22 MiB', '51.00 MB'], '1.00000' => ['1.00 GiB', '1.00 GB'],
            '0.00000' => ['0.00 GiB', '0.00 GB'], '1023.99000' => ['1023.99 GiB', '1.02 TB'], '0.00001' => ['0.01 MiB', '0.01 MB'],
        ];
        foreach ($table as $value => [$binary, $decimal]) {
            same([$binary, $decimal], [$said($value, 1 << 30), $said($value, 1000000000)], $value);
        }
        same('12.06 To', $said('12060.00000', 1000000000, 'french'), 'French');
        same('5.00 GB', $said('5.00000', 7), 'a unit nobody knows keeps its name');
    },
    'what becomes of it: free, by the end of the month, and when a limit is reached' => static function (): void {
        $limits = ['disk' => '100.00000', 'traffic_out' => '20.00000'];
        $standing = Standing::of(usage('93.50000', ['limits' => $limits]), history());
        $outlook = WHMCS\Module\Server\Whmeter\Outlook::class;
        $now = static fn (string $day) => strtotime("2026-04-$day 00:00:00");
        same(null, $outlook::monthEnd($standing, 'traffic_out', $now('02')), 'too early to say');
        same(14.5, $outlook::monthEnd($standing, 'traffic_out', $now('16')), 'twice of half a month');
        same(null, $outlook::limitDay($standing, 'traffic_out', $now('16')), 'not in this month');
        same('2026-04-17', $outlook::limitDay($standing, 'traffic_out', $now('07')), 'seven in six days, twenty in seventeen');
        same(date('Y-m-d', $now('16') + 6 * 86400), $outlook::limitDay($standing, 'disk', $now('16')), 'one a day, and six and a half are left');
        same(null, $outlook::limitDay(Standing::of(usage('100.00000', ['limits' => $limits]), history()), 'disk', $now('16')), 'reached');
        same(null, $outlook::limitDay(Standing::of(usage(), history()), 'disk', $now('16')), 'no limit');
        $rows = array_map('strip_tags', ClientPage::rows($standing, Texts::ofSystem()));
        same('6.50 GB', $rows['free'], 'free');
        holds(str_contains($rows['percent'], 'Limit reached at this pace: 20'), $rows['percent']);
    },
    'figures of before are called so, and nothing is expected of them' => static function (): void {
        $html = ClientPage::html(Standing::of(usage('93.41000', ['limits' => ['disk' => '100.00000']]), [], true), Texts::ofSystem(), null);
        holds(str_contains($html, 'last known figures') && str_contains($html, '2026-03-14') && !str_contains($html, 'Expected'), $html);
    },
    'staff see what WHMCS was given last' => static function (): void {
        $reported = ['disk' => ['value' => '93.41000', 'carried' => '0.00000', 'at' => 1773450300], 'disk_gb_month' => ['value' => '0.50000', 'carried' => '-0.25000', 'at' => 1773450300], '<b>' => ['value' => '1', 'at' => 1], 'traffic_in' => ['value' => '-1', 'at' => 1]];
        $fields = AdminTab::fields(Standing::of(usage('93.41000', ['reported' => $reported]), []), Texts::ofSystem());
        same('Disk space: 93.41 GB · 2026-03-14 02:05Disk space (GB-months): 0.5 GB · 2026-03-14 02:05 (of it carried from the month before -0.25 GB)', strip_tags($fields['Reported to WHMCS last']), 'lines');
        holds(!isset(AdminTab::fields(Standing::of(usage(), []), Texts::ofSystem())['Reported to WHMCS last']), 'nothing yet');
    },
    'what a level is made of: the ten largest, the others together, and whether they come to it' => static function () use ($evil): void {
        $list = [];
        for ($number = 1; $number <= 12; $number++) {
            $list[] = ['name' => "bucket $number", 'value' => sprintf('%d.00000', 20 - $number)];
        }
        $parts = ['read_at' => 1773450300, 'sum' => '162.00000', 'differs' => false, 'list' => $list, 'others' => ['count' => 3, 'value' => '1.50000']];
        $rows = static fn (array $parts) => AdminTab::fields(Standing::of(usage('93.41000', ['parts' => ['disk' => $parts]]), []), Texts::ofSystem())['What the space is made of'] ?? null;
        $said = strip_tags(str_replace('</tr>', "\n", $rows($parts)));
        same(10, substr_count($said, 'bucket '), $said);
        holds(str_starts_with($said, 'bucket 119.00 GB') && str_contains($said, 'Others (5)18.50 GB'), $said);
        holds(str_contains($said, '2026-03-14 02:05') && !str_contains($said, 'differs'), $said);
        holds(str_contains(strip_tags($rows(['differs' => true] + $parts)), 'The sum differs'), 'said where it does');
        holds(str_contains(ClientPage::html(Standing::of(usage('1.00000', ['parts' => ['disk' => $parts]]), []), Texts::ofSystem(), null), 'What the space is made of'), 'customers see it');
        foreach ([null, 7, [], ['list' => 7, 'read_at' => 1], ['list' => [], 'read_at' => 'x']] as $odd) {
            holds($odd === null || $rows((array) $odd) === null, json_encode($odd));
        }
        holds($rows(['list' => [7, ['name' => 7, 'value' => '1'], ['name' => 'x', 'value' => 'y']], 'read_at' => 1]) !== null, 'what is misshapen is left out');
        foreach ($evil as $text) {
            $html = $rows(['list' => [['name' => $text, 'account' => $text, 'value' => '1.00000']], 'others' => ['count' => $text, 'value' => $text]] + $parts);
            holds(!str_contains($html, '<script') && !str_contains($html, '<img'), $html);
            well_formed($html);
        }
    },
    'staff see what the month costs so far, and customers do not' => static function (): void {
        $costs = [['meter' => 'storage', 'amount' => '3.21', 'currency' => 'EUR'], ['meter' => 'traffic_out', 'amount' => '0.00', 'currency' => 'EUR'],
            ['meter' => '<b>', 'amount' => '1.00', 'currency' => 'EUR'], ['meter' => 'traffic_in', 'amount' => '<b>', 'currency' => 'EUR'], ['meter' => 'traffic_in', 'amount' => '1.00', 'currency' => '<b>'], 7];
        $standing = Standing::of(usage('93.41000', ['so_far' => $costs]), []);
        same('Disk space: 3.21 EUROutgoing traffic: 0.00 EUR', strip_tags(AdminTab::fields($standing, Texts::ofSystem())['So far this month']), 'lines');
        holds(!str_contains(ClientPage::html($standing, Texts::ofSystem(), null), 'EUR'), 'the customer is billed by WHMCS');
        holds(!isset(AdminTab::fields(Standing::of(usage(), []), Texts::ofSystem())['So far this month']), 'without prices');
    },
    'amounts of a product that names a unit are in it' => static function (): void {
        $unit = ['name' => 'GB', 'disk' => 1 << 30, 'traffic' => 1000000000];
        $used = static fn (string $shown) => strip_tags(ClientPage::rows(Standing::of(usage('12060.00000', ['unit' => ['shown' => $shown] + $unit]), []), Texts::ofSystem())['used']);
        same(['12060.00 GiB', '11.78 TiB', '11.78 TiB'], [$used('GB'), $used('TB'), $used('')], 'units');
    },
    'staff are told why nothing is known' => static function (): void {
        $why = static fn ($reason) => AdminTab::fields(Standing::of(['withheld' => ['reason' => $reason]], []), Texts::ofSystem())['Last reading'];
        same('unknown (stale)', strip_tags($why('stale')), 'a reason');
        same('unknown', strip_tags($why('<script>')), 'no reason of ours');
    },
    'small is not nothing, and nothing is' => static function (): void {
        $html = ClientPage::html(Standing::of(usage('0.00000'), []), Texts::ofSystem(), null);
        holds(str_contains($html, '0.00 GB') && str_contains($html, '&lt; 0.01 GB'), $html);
    },
    'thirty days have thirty places; the unknown ones are empty' => static function (): void {
        $document = well_formed(ClientPage::html(Standing::of(usage(), history()), Texts::ofSystem(), 7));
        $path = new DOMXPath($document);
        $charts = $path->query('//*[local-name()="svg"]');
        same(3, $charts->length, 'disk by day, disk by month, traffic out by day');
        $count = static fn (int $chart, string $what) => $path->query(".//*[@class='whmeter-$what']", $charts->item($chart))->length;
        same([10, 28], [$count(0, 'label'), $count(0, 'column')], 'days, and a label for every third');
        same([4, 12], [$count(1, 'label'), $count(1, 'column')], 'months');
        same(1, $path->query('.//*[@fill-opacity="0.5"]', $charts->item(0))->length, 'the running day is lighter');
    },
    'the template shows the page and nothing else' => static function (): void {
        $folder = getenv('WHMCS_ROOT') . '/modules/servers/whmeter/';
        $answer = whmeter_ClientArea(entry(['serverport' => '1']) + ['username' => 'x', 'serviceid' => 7, 'pid' => 1]);
        $template = file_get_contents($folder . $answer['tabOverviewModuleOutputTemplate']);
        $template = trim(preg_replace('/\{\*.*?\*\}/s', '', $template));
        same('{$whmeterPage nofilter}', $template, 'template');
        same(['whmeterPage'], array_keys($answer['templateVariables']), 'variables');
    },
];

/** Pages for the browser. */
$checks['pages to look at are written'] = static function (): void {
    $folder = (string) getenv('PAGES');
    if ($folder === '') {
        return;
    }
    $measure = file_get_contents(dirname(__DIR__) . '/measure.js');
    foreach (['english', 'german', 'arabic', 'hebrew', 'farsi', 'chinese', 'hungarian'] as $language) {
        $_SESSION['Language'] = $language;
        $texts = Texts::ofClient([]);
        $limits = ['disk' => '100.00000', 'traffic_out' => '500.00000'];
        $unit = ['name' => 'GB', 'disk' => 1 << 30, 'disk_gb_month' => 1 << 30, 'traffic' => 1000000000];
        $usage = usage('93.41000', ['policy' => 'limited', 'pinned' => 'limited', 'limits' => $limits, 'unit' => $unit]);
        $standing = Standing::of($usage, history());
        $html = ClientPage::html($standing, $texts, 7731);
        $page = "<!doctype html><html><head><meta charset=\"utf-8\"><title>$language</title></head>"
            . "<body style=\"font-family:sans-serif;max-width:800px\">$html<script>$measure</script></body></html>";
        file_put_contents("$folder/$language.html", $page);
        // As wide as a phone leaves it.
        file_put_contents("$folder/phone-$language.html", str_replace('max-width:800px', 'width:358px', $page));
    }
    unset($_SESSION['Language']);
    // The tab as WHMCS lays it out: label and content side by side.
    $tab = '';
    foreach (AdminTab::fields($standing, Texts::ofAdmin()) as $label => $content) {
        $tab .= "<tr><td style=\"white-space:nowrap;vertical-align:top\">$label</td><td>$content</td></tr>";
    }
    file_put_contents("$folder/admin.html", "<!doctype html><meta charset=\"utf-8\"><table style=\"font-family:sans-serif\">$tab</table>");
};

checks($checks);
