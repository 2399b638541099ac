<?php
// The billable items that whmeter has made, sent back to it: what is there already is not billed again.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class BillableItems
{
    /** How the tag begins that whmeter puts into every description of its own. */
    private const TAG = '[whm ';
    private const MOST = 20000;

    /** The newest of them, should there be very many. */
    public static function list(): array
    {
        // Before the rows are read: what comes later is not in the list.
        $readAt = time();
        $rows = Capsule::table('tblbillableitems')
            ->where('description', 'like', '%' . self::TAG . '%')
            ->orderBy('id', 'desc')
            ->limit(self::MOST)
            ->get(['id', 'description', 'amount']);
        $items = [];
        foreach ($rows as $row) {
            $items[] = [
                'id' => (int) $row->id,
                'description' => (string) $row->description,
                'amount' => (string) $row->amount,
            ];
        }
        return ['schema' => 1, 'read_at' => $readAt, 'items' => $items];
    }
}
