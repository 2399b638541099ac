<?php
// Invoices: services that fall due with the usage of their closed months, and billable items that wait for a client's next one.
// Amounts are reckoned by the database in decimals: of each month what is beyond the included, rounded half up to the cent.

declare(strict_types=1);

namespace StandIn;

use WHMCS\Database\Capsule;

final class Invoices
{
    /** Every service that is due today. */
    public static function renew(): void
    {
        $due = Capsule::table('tblhosting')->whereIn('domainstatus', ['Active', 'Suspended'])
            ->where('billingcycle', 'Monthly')->where('nextduedate', '<=', date('Y-m-d'))->orderBy('id')->get();
        foreach ($due as $service) {
            $invoice = self::open((int) $service->userid);
            if ($service->amount > 0) {
                self::line($invoice, 'Hosting', (int) $service->id, "Service {$service->id}", $service->amount);
            }
            self::usage($service, $invoice, false);
            $next = Capsule::raw('DATE_ADD(nextduedate, INTERVAL 1 MONTH)');
            Capsule::table('tblhosting')->where('id', $service->id)->update(['nextduedate' => $next]);
            self::items($invoice, (int) $service->userid);
        }
    }

    /** What of a service that has ended is on no invoice yet: the month that runs, too. */
    public static function ofTerminated(int $service): void
    {
        $row = Capsule::table('tblhosting')->where('id', $service)->first();
        if (Capsule::table('stand_in_usage')->where('service', $service)->whereNull('invoice')->exists()) {
            self::usage($row, self::open((int) $row->userid), true);
        }
    }

    /** Today's invoice of a client. */
    private static function open(int $client): int
    {
        $today = ['userid' => $client, 'date' => date('Y-m-d')];
        $found = Capsule::table('tblinvoices')->where($today)->value('id');
        return (int) ($found ?? Capsule::table('tblinvoices')->insertGetId($today + ['duedate' => date('Y-m-d'), 'status' => 'Unpaid']));
    }

    private static function usage(object $service, int $invoice, bool $isOver): void
    {
        $items = Capsule::table('tblusage_items')->where('rel_type', 'Product')->where('rel_id', $service->packageid)->where('is_hidden', 0)->get();
        foreach ($items as $item) {
            $rows = Capsule::table('stand_in_usage')->where('service', $service->id)->where('metric', $item->metric)->whereNull('invoice');
            // A month is billed when it is over, a snapshot as it stands.
            $rows = $isOver ? $rows : $rows->where('month', '<', date('Y-m'));
            $costs = Capsule::raw("ROUND(GREATEST(value - {$item->included}, 0) * {$item->stand_in_price}, 2) AS costs");
            foreach ($rows->orderBy('month')->get(['month', 'value', $costs]) as $row) {
                $text = "{$item->metric} {$row->month}: {$row->value}, {$item->included} included @ {$item->stand_in_price}";
                self::line($invoice, 'UsageBilling', (int) $service->id, $text, $row->costs);
                $of = ['service' => $service->id, 'metric' => $item->metric, 'month' => $row->month];
                if ($row->month !== Usage::SNAPSHOT) {
                    Capsule::table('stand_in_usage')->where($of)->update(['invoice' => $invoice]);
                }
            }
        }
    }

    private static function items(int $invoice, int $client): void
    {
        $waiting = Capsule::table('tblbillableitems')->where('userid', $client)->where('invoiceaction', 'nextinvoice')->where('invoicecount', 0);
        foreach ($waiting->orderBy('id')->get() as $item) {
            self::line($invoice, 'Item', (int) $item->id, $item->description, $item->amount);
            Capsule::table('tblbillableitems')->where('id', $item->id)->update(['invoicecount' => 1]);
        }
    }

    private static function line(int $invoice, string $type, int $of, string $description, $amount): void
    {
        Capsule::table('tblinvoiceitems')->insert([
            'invoiceid' => $invoice, 'type' => $type, 'relid' => $of, 'description' => $description, 'amount' => $amount,
        ]);
    }
}
